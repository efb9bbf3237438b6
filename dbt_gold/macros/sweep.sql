{# What a sweep adds up: between two instants so much is true of a bay. Structs of one kind have the same names. #}

{% macro span(start_at, end_at, known=0, occupied=0, blocked=0, uncertain=0) -%}
named_struct(
    'start_at', {{ start_at }},
    'end_at', {{ end_at }},
    'known', {{ known }},
    'occupied', {{ occupied }},
    'blocked', {{ blocked }},
    'uncertain', {{ uncertain }}
)
{%- endmacro %}

{% macro moment(at, place='cast(null as string)', blocked=0, silent=0) -%}
named_struct('at', {{ at }}, 'location_key', {{ place }}, 'blocked', {{ blocked }}, 'silent', {{ silent }})
{%- endmacro %}
