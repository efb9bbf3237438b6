{# A parking zone by street segment; "none" where one is not known, so that the key never is null. #}
{% macro location_key(zone_number, segment_id) -%}
concat(coalesce(cast({{ zone_number }} as string), 'none'), '-', coalesce(cast({{ segment_id }} as string), 'none'))
{%- endmacro %}
