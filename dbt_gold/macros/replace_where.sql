{#
The strategy replace_where of the databricks adapter, for the spark adapter too: rows that the predicates meet give way, in
one commit, to those of the query. A merge would keep a stay that later knowledge shows to be two.
#}
{% macro dbt_spark_get_incremental_sql(strategy, source, target, existing, unique_key, incremental_predicates) %}
{%- if strategy == 'append' -%}
{{ get_insert_into_sql(source, target) }}
{%- elif strategy == 'replace_where' -%}
insert into {{ target }}
replace where {{ incremental_predicates | join(' and ') }}
select {{ adapter.get_columns_in_relation(target) | map(attribute='quoted') | join(', ') }} from {{ source }}
{%- else -%}
{% do exceptions.raise_compiler_error('No such strategy here: ' ~ strategy) %}
{%- endif -%}
{% endmacro %}

{# The spark adapter refuses strategies that it does not know. #}
{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) %}
{% do return(raw_strategy) %}
{% endmacro %}
