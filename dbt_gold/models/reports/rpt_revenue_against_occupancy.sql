-- A stay may end on a day on which the feed was silent: then there is revenue and no occupancy.
with revenue as (
    select
        locations.street,
        sessions.ended_on as local_date,
        count(*) filter (where sessions.estimated_revenue > 0) as metered_stays,
        sum(sessions.estimated_revenue) as estimated_revenue
    from {{ ref('fact_parking_sessions') }} as sessions
    inner join {{ ref('dim_locations') }} as locations on sessions.location_key = locations.location_key
    where sessions.departure_max_at is not null
    group by locations.street, sessions.ended_on
),

occupancy as (
    select
        locations.street,
        occupancy.local_date,
        sum(occupancy.bay_minutes) as bay_minutes,
        sum(occupancy.online_minutes) as online_minutes,
        sum(occupancy.occupied_minutes) as occupied_minutes
    from {{ ref('fact_occupancy') }} as occupancy
    inner join {{ ref('dim_locations') }} as locations on occupancy.location_key = locations.location_key
    group by locations.street, occupancy.local_date
)

select
    coalesce(occupancy.street, revenue.street) as street,
    coalesce(occupancy.local_date, revenue.local_date) as local_date,
    coalesce(revenue.metered_stays, 0) as metered_stays,
    coalesce(revenue.estimated_revenue, 0) as estimated_revenue,
    coalesce(occupancy.bay_minutes, 0) as bay_minutes,
    coalesce(occupancy.online_minutes, 0) as online_minutes,
    coalesce(occupancy.occupied_minutes, 0) as occupied_minutes,
    case
        when 2 * occupancy.online_minutes >= occupancy.bay_minutes
            then 100 * occupancy.occupied_minutes / nullif(occupancy.online_minutes, 0)
    end as occupancy_percent
from occupancy
full outer join revenue on occupancy.street = revenue.street and occupancy.local_date = revenue.local_date
