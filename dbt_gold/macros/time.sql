{# Intervals and durations of timestamps, exact to the microsecond; days and hours of Melbourne's clock. #}

{% macro seconds(number) -%}
make_dt_interval(0, 0, 0, {{ number }})
{%- endmacro %}

{% macro minutes(number) -%}
make_dt_interval(0, 0, {{ number }}, 0)
{%- endmacro %}

{% macro minutes_between(earlier, later) -%}
((unix_micros({{ later }}) - unix_micros({{ earlier }})) / 60000000.0D)
{%- endmacro %}

{% macro micros_between(earlier, later) -%}
(unix_micros({{ later }}) - unix_micros({{ earlier }}))
{%- endmacro %}

{% macro middle(earlier, later) -%}
timestamp_micros((unix_micros({{ earlier }}) + unix_micros({{ later }})) div 2)
{%- endmacro %}

{% macro local_time(at) -%}
from_utc_timestamp({{ at }}, 'Australia/Melbourne')
{%- endmacro %}

{% macro local_date(at) -%}
to_date({{ local_time(at) }})
{%- endmacro %}

{# The instant at which a local day begins. #}
{% macro midnight(day) -%}
to_utc_timestamp(cast({{ day }} as timestamp), 'Australia/Melbourne')
{%- endmacro %}
