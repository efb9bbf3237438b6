-- The rules stand in Python too (melpark.parking.stays); tests hold the two together.
{{ config(materialized='ephemeral') }}
{% set feed_lag = seconds(var('feed_lag_seconds')) %}
{% set offline_after = seconds(var('offline_after_seconds')) %}

with feed as (
    select max(feed_updated_at) as last_heard_at
    from {{ ref('stg_polls') }}
    where dataset = 'on-street-parking-bay-sensors' and outcome = 'accepted'
),

-- When each bay that is offline now was last heard: offline_after before its silence began.
silent as (
    select
        kerbside_id,
        min(valid_from_at) - {{ offline_after }} as last_heard_at
    from (
        select
            kerbside_id,
            valid_from_at,
            max(if(is_online and not is_retired, valid_from_at, null)) over (partition by kerbside_id)
                as online_from_at
        from {{ ref('stg_sensor_states') }}
    )
    where online_from_at is null or valid_from_at > online_from_at
    group by kerbside_id
),

-- Of a vehicle that was seen, and of one that came and left between two words of an empty bay.
spells as (
    select
        *,
        status = 'Present' as is_seen,
        next_status = 'Unoccupied' and (status = 'Unoccupied' or is_next_close) as is_departure_seen
    from {{ ref('int_bay_spells') }}
    where
        ended_on >= {{ stays_from_on() }}
        and (status = 'Present' or next_status = 'Unoccupied')
)

select
    spells.kerbside_id,
    if(spells.is_seen, spells.status_changed_at, spells.next_changed_at) as revealed_at,
    if(spells.is_seen, spells.status_changed_at, spells.next_hides_from_at) as arrival_min_at,
    if(spells.is_seen, spells.status_changed_at, spells.next_changed_at) as arrival_max_at,
    case
        when spells.is_departure_seen then spells.next_changed_at
        when spells.next_changed_at is not null then spells.next_hides_from_at
        else
            greatest(
                spells.status_changed_at,
                coalesce(silent.last_heard_at, feed.last_heard_at) - {{ feed_lag }}
            )
    end as departure_min_at,
    spells.next_changed_at as departure_max_at,
    if(spells.is_seen, 'observed', 'bounded') as beginning,
    case
        when spells.is_departure_seen then 'observed'
        when spells.next_changed_at is not null then 'bounded'
        when silent.kerbside_id is not null then 'lost'
        else 'open'
    end as ending,
    coalesce(spells.is_next_late, false)
    or (spells.is_seen and spells.previous_changed_at is not null and spells.is_late) as is_late_report,
    if(spells.is_seen, spells.origin, spells.next_origin) as origin,
    spells.ended_on
from spells
cross join feed
left join silent on spells.kerbside_id = silent.kerbside_id
