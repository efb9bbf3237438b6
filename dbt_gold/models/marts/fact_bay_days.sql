-- A stay counts on the day that it ended; a stuck sensor's is none.
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
        kerbside_id,
        local_date,
        max_by(location_key, start_at) as location_key,
        sum({{ micros_between('start_at', 'end_at') }}) / 60000000.0D as bay_minutes,
        sum(if(is_online, {{ micros_between('start_at', 'end_at') }}, 0L)) / 60000000.0D as online_minutes,
        sum(if(is_occupied, {{ micros_between('start_at', 'end_at') }}, 0L)) / 60000000.0D as occupied_minutes
    from {{ ref('int_bay_times') }}
    where local_date >= {{ occupancy_from_on() }}
    group by kerbside_id, local_date
),

stays as (
    select
        kerbside_id,
        ended_on as local_date,
        count(*) as stays,
        max(location_key) as location_key,
        sum({{ micros_between('arrival_at', 'departure_at') }}) / count(duration_minutes) / 60000000.0D
            as average_stay_minutes,
        median(duration_minutes) as median_stay_minutes,
        count_if(is_overstay) as overstays,
        sum(if(is_overstay, cast(round(overstay_min_minutes * 60000000) as bigint), 0L)) / 60000000.0D as minutes_over
    from {{ ref('fact_parking_sessions') }}
    where ended_on >= {{ occupancy_from_on() }} and ended_on < {{ not_ended() }} and not is_suspect
    group by kerbside_id, ended_on
)

-- A stay may end on a day on which the feed was silent: the first poll after it said so.
select
    coalesce(times.kerbside_id, stays.kerbside_id) as kerbside_id,
    coalesce(times.location_key, stays.location_key) as location_key,
    coalesce(times.bay_minutes, 0.0D) as bay_minutes,
    coalesce(times.online_minutes, 0.0D) as online_minutes,
    coalesce(times.occupied_minutes, 0.0D) as occupied_minutes,
    times.online_minutes / times.bay_minutes as uptime_share,
    coalesce(stays.stays, 0) as stays,
    coalesce(stays.stays, 0) * 60 / times.bay_minutes as turnover_per_hour,
    stays.average_stay_minutes,
    stays.median_stay_minutes,
    coalesce(stays.overstays, 0) as overstays,
    coalesce(stays.minutes_over, 0.0D) as minutes_over,
    coalesce(times.local_date, stays.local_date) as local_date
from times
full outer join stays on times.kerbside_id = stays.kerbside_id and times.local_date = stays.local_date
