-- For each local day: what the quarter hours of a location add up to, and what the time of its bays does.
with bays as (
    select
        location_key,
        local_date,
        sum(if(is_online, {{ micros_between('start_at', 'end_at') }}, 0L)) / 60000000.0D as online_minutes,
        sum(if(is_occupied, {{ micros_between('start_at', 'end_at') }}, 0L)) / 60000000.0D as occupied_minutes
    from {{ ref('int_bay_times') }}
    where local_date >= {{ occupancy_from_on() }}
    group by location_key, local_date
),

locations as (
    select
        location_key,
        local_date,
        sum(online_minutes) as online_minutes,
        sum(occupied_minutes) as occupied_minutes
    from {{ ref('fact_occupancy') }}
    where local_date >= {{ occupancy_from_on() }}
    group by location_key, local_date
)

select
    coalesce(locations.location_key, bays.location_key) as location_key,
    coalesce(locations.local_date, bays.local_date) as local_date,
    locations.online_minutes,
    bays.online_minutes as online_minutes_of_bays,
    locations.occupied_minutes,
    bays.occupied_minutes as occupied_minutes_of_bays
from locations
full outer join bays on locations.location_key = bays.location_key and locations.local_date = bays.local_date
where
    abs(coalesce(locations.online_minutes, 0.0D) - coalesce(bays.online_minutes, 0.0D)) > 0.001
    or abs(coalesce(locations.occupied_minutes, 0.0D) - coalesce(bays.occupied_minutes, 0.0D)) > 0.001
