{# Distances in a city: the earth is flat there, and a degree of longitude shorter than one of latitude. #}

{% macro metres_per_degree() -%}
111320.0D
{%- endmacro %}

{# In degrees of latitude, squared. #}
{% macro square_of_distance(one, other) -%}
(
    pow({{ other }}.latitude - {{ one }}.latitude, 2)
    + pow(({{ other }}.longitude - {{ one }}.longitude) * cos(radians({{ one }}.latitude)), 2)
)
{%- endmacro %}
