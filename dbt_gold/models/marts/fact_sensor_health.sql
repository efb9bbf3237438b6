with feed as (
    select max(feed_updated_at) as now_at
    from {{ ref('stg_polls') }}
    where dataset = 'on-street-parking-bay-sensors' and outcome = 'accepted'
),

states as (
    select kerbside_id, is_online, is_retired, valid_from_at
    from {{ ref('stg_sensor_states') }}
    where valid_to_at is null
),

-- The last event of each bay.
latest as (
    select kerbside_id, status, status_changed_at
    from {{ ref('int_bay_spells') }}
    where ended_on = {{ not_ended() }}
),

uptime as (
    select days.kerbside_id, sum(days.online_minutes) / sum(days.bay_minutes) as online_share
    from {{ ref('fact_bay_days') }} as days
    cross join feed
    where days.local_date > date_sub({{ local_date('feed.now_at') }}, {{ var('health_days') }})
    group by days.kerbside_id
),

bays as (
    select
        bays.kerbside_id,
        bays.location_key,
        feed.now_at,
        coalesce(states.is_online, false) and not bays.is_retired as is_online,
        bays.is_retired,
        states.valid_from_at as state_since_at,
        latest.status,
        latest.status_changed_at as last_changed_at,
        uptime.online_share,
        coalesce(latest.status_changed_at < feed.now_at - make_dt_interval({{ var('stuck_after_days') }}), false)
            as is_unchanged
    from {{ ref('dim_bays') }} as bays
    cross join feed
    left join states on bays.kerbside_id = states.kerbside_id
    left join latest on bays.kerbside_id = latest.kerbside_id
    left join uptime on bays.kerbside_id = uptime.kerbside_id
    where bays.is_current
)

select
    kerbside_id,
    location_key,
    is_online,
    is_retired,
    status,
    last_changed_at,
    online_share,
    not is_online and not is_retired as is_stale,
    -- A bay that does not change while its neighbours do has a sensor that does not see.
    is_online
    and is_unchanged
    and count_if(is_online and not is_unchanged) over (partition by location_key) > 0 as is_stuck,
    coalesce(
        is_online and status = 'Present' and last_changed_at < now_at - {{ seconds(var('suspect_after_seconds')) }},
        false
    ) as is_suspect
from bays
