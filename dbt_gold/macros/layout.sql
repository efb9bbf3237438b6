{# A day's rows in one file, in the order in which they are asked for. Of news two parts are written, so two files at most;
   a whole build is cut into many, each of which would write a file of its own for every day. #}
{% macro by_day(day, keys=[]) -%}
{% if not is_incremental() %}distribute by {{ day }}{% endif %}
{% if keys %}sort by {{ ([day] + keys) | join(', ') }}{% endif %}
{%- endmacro %}
