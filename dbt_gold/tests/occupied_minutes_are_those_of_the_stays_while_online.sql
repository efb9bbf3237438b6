-- Counted anew, stay by stay: its time, cut at suspect_after, while its bay was online and the feed was not silent.
with bounds as (
    select min(start_at) as from_at, max(end_at) as until_at
    from {{ ref('int_bay_times') }}
    where local_date >= {{ occupancy_from_on() }}
),

stays as (
    select
        spells.kerbside_id,
        greatest(spells.occupied_from_at, bounds.from_at) as start_at,
        least(
            spells.occupied_to_at,
            spells.occupied_from_at + {{ seconds(var('suspect_after_seconds')) }},
            bounds.until_at
        ) as end_at
    from {{ ref('int_bay_spells') }} as spells
    cross join bounds
    where spells.ended_on >= {{ occupancy_from_on() }} and spells.occupied_from_at is not null
),

heard as (
    select
        stays.kerbside_id,
        greatest(stays.start_at, states.valid_from_at) as start_at,
        least(stays.end_at, states.valid_to_at) as end_at
    from stays
    inner join {{ ref('stg_sensor_states') }} as states
        on
            stays.kerbside_id = states.kerbside_id
            and states.valid_from_at < stays.end_at
            and (states.valid_to_at is null or states.valid_to_at > stays.start_at)
    where states.is_online and not states.is_retired and stays.start_at < stays.end_at
),

silent as (
    select
        sum({{ micros_between('greatest(heard.start_at, outages.start_at)', 'least(heard.end_at, outages.end_at)') }})
            as micros
    from heard
    inner join {{ ref('stg_feed_outages') }} as outages
        on outages.start_at < heard.end_at and coalesce(outages.end_at > heard.start_at, true)
    where heard.start_at < heard.end_at
),

counted as (
    select sum({{ micros_between('start_at', 'end_at') }}) as micros
    from heard
    where start_at < end_at
),

occupancy as (
    select sum(occupied_minutes) as minutes
    from {{ ref('fact_occupancy') }}
    where local_date >= {{ occupancy_from_on() }}
)

select occupancy.minutes, (counted.micros - coalesce(silent.micros, 0)) / 60000000.0D as minutes_of_stays
from occupancy
cross join counted
cross join silent
where
    abs(occupancy.minutes - (counted.micros - coalesce(silent.micros, 0)) / 60000000.0D)
    > 0.001 + occupancy.minutes * 0.000000001
