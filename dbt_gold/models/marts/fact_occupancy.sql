-- A sweep over each location's time: between two instants so many of its bays are online, so many of those occupied.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_where',
        incremental_predicates=['local_date >= ' ~ occupancy_from_on()],
        partition_by='local_date',
    )
}}

with times as (
    select
        location_key,
        start_at,
        end_at,
        cast(is_online as int) as online,
        cast(is_occupied as int) as occupied,
        cast(is_uncertain as int) as uncertain,
        local_date
    from {{ ref('int_bay_times') }}
    where local_date >= {{ occupancy_from_on() }}
),

quarters as (
    select
        location_key,
        explode(
            sequence(
                timestamp_seconds(unix_seconds(min(start_at)) div 900 * 900),
                max(end_at) - interval 1 microsecond,
                interval 15 minutes
            )
        ) as starts_at
    from times
    group by location_key, local_date
),

points as (
    select
        location_key,
        at,
        sum(bays) as bays,
        sum(online) as online,
        sum(occupied) as occupied,
        sum(uncertain) as uncertain
    from (
        select
            location_key,
            edge.at as at,
            edge.step as bays,
            edge.step * online as online,
            edge.step * occupied as occupied,
            edge.step * uncertain as uncertain
        from (
            select
                *,
                explode(
                    array(
                        named_struct('at', start_at, 'step', 1),
                        named_struct('at', end_at, 'step', -1)
                    )
                ) as edge
            from times
        )
        union all
        select location_key, starts_at, 0, 0, 0, 0 from quarters
    )
    group by location_key, at
),

swept as (
    select
        location_key,
        timestamp_seconds(unix_seconds(at) div 900 * 900) as starts_at,
        {{ micros_between('at', 'lead(at) over place') }} as micros,
        sum(bays) over place as bays,
        sum(online) over place as online,
        sum(occupied) over place as occupied,
        sum(uncertain) over place as uncertain
    from points
    window place as (partition by location_key order by at)
),

measured as (
    select
        location_key,
        starts_at,
        -- Whole microseconds: their sum is the same in any order.
        sum(bays * micros) / 60000000.0D as bay_minutes,
        sum(online * micros) / 60000000.0D as online_minutes,
        sum(occupied * micros) / 60000000.0D as occupied_minutes,
        sum(uncertain * micros) / 60000000.0D as uncertain_minutes,
        sum(if(online > 0 and occupied = online, micros, 0L)) / 60000000.0D as minutes_full,
        cast(max(bays) as int) as bays_total,
        cast(max(online) as int) as bays_online
    from swept
    where micros > 0
    group by location_key, starts_at
),

changes as (
    select
        kerbside_id,
        inline(
            array(
                named_struct('at', occupied_from_at, 'arrivals', 1, 'departures', 0),
                named_struct('at', occupied_to_at, 'arrivals', 0, 'departures', 1)
            )
        ) as (at, arrivals, departures)
    from {{ ref('int_bay_spells') }}
    where ended_on >= {{ occupancy_from_on() }}
),

counted as (
    select
        bays.location_key,
        timestamp_seconds(unix_seconds(changes.at) div 900 * 900) as starts_at,
        sum(changes.arrivals) as arrivals,
        sum(changes.departures) as departures
    from changes
    inner join {{ ref('dim_bays') }} as bays
        on
            changes.kerbside_id = bays.kerbside_id
            and changes.at >= bays.valid_from_at
            and (bays.valid_to_at is null or changes.at < bays.valid_to_at)
    group by bays.location_key, timestamp_seconds(unix_seconds(changes.at) div 900 * 900)
)

select
    measured.location_key,
    measured.starts_at,
    measured.bay_minutes,
    measured.online_minutes,
    measured.occupied_minutes,
    measured.uncertain_minutes,
    -- Nothing is said of a quarter hour for most of which the sensors were silent.
    case
        when measured.online_minutes > 0 and 2 * measured.online_minutes >= measured.bay_minutes
            then 100 * measured.occupied_minutes / measured.online_minutes
    end as occupancy_percent,
    coalesce(occupancy_percent / 100, -1.0D) as cds_occupancy_percent,
    coalesce(counted.arrivals, 0) as arrivals,
    coalesce(counted.departures, 0) as departures,
    measured.bays_total,
    measured.bays_online,
    measured.minutes_full,
    date_format({{ local_time('measured.starts_at') }}, 'HH:mm') as time_key,
    {{ local_date('measured.starts_at') }} as local_date
from measured
left join counted
    on measured.location_key = counted.location_key and measured.starts_at = counted.starts_at
where measured.bays_total > 0
{{ by_day('local_date', ['location_key', 'starts_at']) }}
