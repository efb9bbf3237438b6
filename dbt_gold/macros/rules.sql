{# From when on a vehicle is over the limit of a window; null without a limit, which greatest() alone would pass over. #}
{% macro over_from(window, arrival_at, time_allowed) -%}
if(
    {{ window }}.time_allowed is null,
    null,
    greatest(
        {{ window }}.start_at,
        greatest({{ arrival_at }}, {{ window }}.clock_start_at) + {{ time_allowed }}
    )
)
{%- endmacro %}
