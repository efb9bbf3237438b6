-- Stretches of a zone's plates that follow one another without a hole are one.
{{ config(materialized='ephemeral') }}
with reached as (
    select
        zone_number,
        start_at,
        end_at,
        max(end_at) over (
            partition by zone_number
            order by start_at, end_at
            rows between unbounded preceding and 1 preceding
        ) as known_until_at
    from {{ ref('stg_rule_versions') }}
    where start_at < end_at
),

numbered as (
    select
        *,
        sum(if(start_at <= known_until_at, 0, 1)) over (
            partition by zone_number
            order by start_at, end_at
        ) as stretch
    from reached
)

select
    zone_number,
    min(start_at) as start_at,
    max(end_at) as end_at
from numbered
group by zone_number, stretch
