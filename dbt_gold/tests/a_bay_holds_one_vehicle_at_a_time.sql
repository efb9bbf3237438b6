-- Whoever comes next came when the one before can have left.
select *
from (
    select
        session_key,
        arrival_max_at,
        lag(departure_min_at) over (partition by kerbside_id order by arrival_max_at) as left_at
    from {{ ref('fact_parking_sessions') }}
    where ended_on >= {{ stays_from_on() }}
)
where left_at > arrival_max_at
