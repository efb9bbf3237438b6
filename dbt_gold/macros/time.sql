{# Intervals and durations of timestamps, exact to the microsecond. #}

{% macro seconds(number) -%}
make_dt_interval(0, 0, 0, {{ number }})
{%- endmacro %}

{% macro minutes_between(earlier, later) -%}
((unix_micros({{ later }}) - unix_micros({{ earlier }})) / 60000000.0D)
{%- endmacro %}
