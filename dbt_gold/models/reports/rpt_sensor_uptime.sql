-- How much of the time gold can tell of, and for how much of that it is not sure.
select
    locations.street,
    occupancy.local_date,
    sum(occupancy.bay_minutes) as bay_minutes,
    sum(occupancy.online_minutes) as online_minutes,
    sum(occupancy.uncertain_minutes) as uncertain_minutes,
    sum(occupancy.online_minutes) / nullif(sum(occupancy.bay_minutes), 0) as uptime_share,
    sum(occupancy.uncertain_minutes) / nullif(sum(occupancy.online_minutes), 0) as uncertain_share,
    max(occupancy.starts_at) as newest_quarter_hour_at
from {{ ref('fact_occupancy') }} as occupancy
inner join {{ ref('dim_locations') }} as locations on occupancy.location_key = locations.location_key
group by locations.street, occupancy.local_date
