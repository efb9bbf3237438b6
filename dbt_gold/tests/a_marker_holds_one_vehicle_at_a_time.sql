select *
from (
    select
        stay_key,
        arrival_at,
        lag(departure_at) over (partition by street_marker order by arrival_at) as left_at
    from {{ ref('fact_historical_stays') }}
)
where left_at > arrival_at
