select
    locations.street,
    occupancy.local_date,
    times.hour,
    dates.year,
    dates.month,
    dates.season,
    dates.weekday_number,
    dates.weekday,
    dates.is_public_holiday,
    sum(occupancy.bay_minutes) as bay_minutes,
    sum(occupancy.online_minutes) as online_minutes,
    sum(occupancy.occupied_minutes) as occupied_minutes,
    case
        when 2 * sum(occupancy.online_minutes) >= sum(occupancy.bay_minutes)
            then 100 * sum(occupancy.occupied_minutes) / nullif(sum(occupancy.online_minutes), 0)
    end as occupancy_percent
from {{ ref('fact_occupancy') }} as occupancy
inner join {{ ref('dim_locations') }} as locations on occupancy.location_key = locations.location_key
inner join {{ ref('dim_dates') }} as dates on occupancy.local_date = dates.local_date
inner join {{ ref('dim_times') }} as times on occupancy.time_key = times.time_key
group by
    locations.street,
    occupancy.local_date,
    times.hour,
    dates.year,
    dates.month,
    dates.season,
    dates.weekday_number,
    dates.weekday,
    dates.is_public_holiday
