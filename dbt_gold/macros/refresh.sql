{#
What a refresh makes anew. Melpark passes the instant from which silver has news (`news_from_at`) and the first local day
whose occupancy they touch (`occupancy_from_on`); without them everything is made.
#}
{% macro news_from_at() -%}
timestamp'{{ var('news_from_at', '0001-01-01 00:00:00') }}'
{%- endmacro %}

{# The first day of which stays that ended on it, or have not ended, are made anew. #}
{% macro stays_from_on() -%}
date'{{ var('stays_from_on', '0001-01-01') }}'
{%- endmacro %}

{% macro occupancy_from_on() -%}
date'{{ var('occupancy_from_on', '0001-01-01') }}'
{%- endmacro %}

{#
The first day of which the stays that began on it are made anew: a vehicle that leaves now may have come a day earlier and
still be none of a stuck sensor, by its clock two local days.
#}
{% macro bay_days_from_on() -%}
{%- set from_on = modules.datetime.date.fromisoformat(var('occupancy_from_on', '0001-01-03')) -%}
date'{{ from_on - modules.datetime.timedelta(days=2) }}'
{%- endmacro %}

{# The day of what has not ended. #}
{% macro not_ended() -%}
date'9999-12-31'
{%- endmacro %}
