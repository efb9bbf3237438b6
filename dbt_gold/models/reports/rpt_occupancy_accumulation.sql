-- Parking accumulation: how many vehicles stand at a time. Minutes add up over streets and times, percentages do not.
select
    locations.street,
    occupancy.starts_at,
    occupancy.local_date,
    occupancy.time_key,
    sum(occupancy.bay_minutes) as bay_minutes,
    sum(occupancy.online_minutes) as online_minutes,
    sum(occupancy.occupied_minutes) as occupied_minutes,
    sum(occupancy.occupied_minutes) / 15 as vehicles,
    case
        when 2 * sum(occupancy.online_minutes) >= sum(occupancy.bay_minutes)
            then 100 * sum(occupancy.occupied_minutes) / nullif(sum(occupancy.online_minutes), 0)
    end as occupancy_percent
from {{ ref('fact_occupancy') }} as occupancy
inner join {{ ref('dim_locations') }} as locations on occupancy.location_key = locations.location_key
group by locations.street, occupancy.starts_at, occupancy.local_date, occupancy.time_key
