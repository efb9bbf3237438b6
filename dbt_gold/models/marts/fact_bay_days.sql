-- A stay counts on the day that it began, an overstay on the day that it ended, when all of its minutes are known.
-- The rules stand in Python too (melpark.parking.kpis); tests hold the two together.
{{
    config(
        materialized='incremental',
        incremental_strategy='replace_where',
        incremental_predicates=['local_date >= ' ~ bay_days_from_on()],
        partition_by='local_date',
    )
}}

with times as (
    select
        kerbside_id,
        local_date,
        max_by(location_key, start_at) as location_key,
        sum({{ micros_between('start_at', 'end_at') }}) / 60000000.0D as bay_minutes,
        sum(if(is_online, {{ micros_between('start_at', 'end_at') }}, 0L)) / 60000000.0D as online_minutes,
        sum(if(is_occupied, {{ micros_between('start_at', 'end_at') }}, 0L)) / 60000000.0D as occupied_minutes
    from {{ ref('int_bay_times') }}
    where local_date >= {{ bay_days_from_on() }}
    group by kerbside_id, local_date
),

-- The beginning and the end of each stay. How long a stuck sensor said that it lasted is no vehicle's time.
turns as (
    select
        kerbside_id,
        location_key,
        inline(
            array(
                named_struct(
                    'at', {{ middle('arrival_min_at', 'arrival_max_at') }},
                    'stays', 1,
                    'stay_minutes', if(is_suspect, null, duration_minutes),
                    'minutes_over', cast(null as double)
                ),
                named_struct(
                    'at', departure_max_at,
                    'stays', 0,
                    'stay_minutes', cast(null as double),
                    'minutes_over', if(is_overstay and not is_suspect, overstay_min_minutes, null)
                )
            )
        )
    from {{ ref('fact_parking_sessions') }}
    where ended_on >= {{ bay_days_from_on() }}
),

-- Before the first poll nothing is known, however old its words are.
first_poll as (
    select greatest(min(feed_updated_at), {{ midnight(bay_days_from_on()) }}) as from_at
    from {{ ref('stg_polls') }}
    where dataset = 'on-street-parking-bay-sensors' and outcome = 'accepted'
),

stays as (
    select
        turns.kerbside_id,
        {{ local_date('turns.at') }} as local_date,
        max_by(turns.location_key, turns.at) as location_key,
        sum(turns.stays) as stays,
        -- Whole microseconds: their sum is the same in any order.
        sum(cast(round(turns.stay_minutes * 60000000) as bigint)) / count(turns.stay_minutes) / 60000000.0D
            as average_stay_minutes,
        median(turns.stay_minutes) as median_stay_minutes,
        count(turns.minutes_over) as overstays,
        sum(cast(round(turns.minutes_over * 60000000) as bigint)) / 60000000.0D as minutes_over
    from turns
    cross join first_poll
    where turns.at >= first_poll.from_at
    group by turns.kerbside_id, {{ local_date('turns.at') }}
)

-- A stay may begin or end on a day on which the feed was silent: the first poll after it said so.
select
    coalesce(times.kerbside_id, stays.kerbside_id) as kerbside_id,
    coalesce(times.location_key, stays.location_key) as location_key,
    coalesce(times.bay_minutes, 0.0D) as bay_minutes,
    coalesce(times.online_minutes, 0.0D) as online_minutes,
    coalesce(times.occupied_minutes, 0.0D) as occupied_minutes,
    times.online_minutes / times.bay_minutes as uptime_share,
    coalesce(stays.stays, 0L) as stays,
    coalesce(stays.stays, 0L) * 60 / times.bay_minutes as turnover_per_hour,
    stays.average_stay_minutes,
    stays.median_stay_minutes,
    coalesce(stays.overstays, 0L) as overstays,
    coalesce(stays.minutes_over, 0.0D) as minutes_over,
    coalesce(times.local_date, stays.local_date) as local_date
from times
full outer join stays on times.kerbside_id = stays.kerbside_id and times.local_date = stays.local_date
{{ by_day('local_date', ['kerbside_id']) }}
