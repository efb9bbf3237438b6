select
    locations.street,
    occupancy.local_date,
    times.hour,
    sum(occupancy.bay_minutes) as bay_minutes,
    cast(sum(occupancy.arrivals) as bigint) as arrivals,
    cast(sum(occupancy.departures) as bigint) as departures,
    60 * sum(occupancy.arrivals) / nullif(sum(occupancy.bay_minutes), 0) as turnover_per_hour
from {{ ref('fact_occupancy') }} as occupancy
inner join {{ ref('dim_locations') }} as locations on occupancy.location_key = locations.location_key
inner join {{ ref('dim_times') }} as times on occupancy.time_key = times.time_key
group by locations.street, occupancy.local_date, times.hour
