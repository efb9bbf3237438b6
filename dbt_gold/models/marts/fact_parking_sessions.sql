-- The rules stand in Python too (melpark.parking.stays); a test holds the two together.
{% set feed_lag = seconds(var('feed_lag_seconds')) %}
{% set exact_gap = seconds(var('exact_gap_seconds')) %}
{% set offline_after = seconds(var('offline_after_seconds')) %}
{% set suspect_after = seconds(var('suspect_after_seconds')) %}

with feed as (
    select max(feed_updated_at) as last_heard_at
    from {{ ref('stg_polls') }}
    where dataset = 'on-street-parking-bay-sensors' and outcome = 'accepted'
),

states as (
    select
        kerbside_id,
        valid_from_at,
        valid_to_at,
        is_online and not is_retired as is_online
    from {{ ref('stg_sensor_states') }}
),

-- When each bay that is offline now was last heard: offline_after before its silence began.
silent as (
    select
        states.kerbside_id,
        min(states.valid_from_at) - {{ offline_after }} as last_heard_at
    from states
    left join (
        select kerbside_id, max(valid_from_at) as online_from_at
        from states
        where is_online
        group by kerbside_id
    ) as revived on states.kerbside_id = revived.kerbside_id
    where states.valid_from_at > coalesce(revived.online_from_at, timestamp'0001-01-01')
    group by states.kerbside_id
),

followed as (
    select
        *,
        lag(status) over bay as previous_status,
        lag(status_changed_at) over bay as previous_changed_at,
        previous_heard_at - {{ feed_lag }} as known_until_at
    from {{ ref('stg_sensor_events') }}
    window bay as (partition by kerbside_id order by status_changed_at)
),

-- What hides between an event and the one before it.
gaps as (
    select
        *,
        coalesce(status_changed_at < known_until_at, false) as is_late,
        case
            when status_changed_at >= known_until_at then greatest(previous_changed_at, known_until_at)
            else previous_changed_at
        end as hides_from_at,
        coalesce(
            status_changed_at >= known_until_at and heard_at - previous_heard_at <= {{ exact_gap }},
            false
        ) as is_close
    from followed
),

events as (
    select
        *,
        lead(status) over bay as next_status,
        lead(status_changed_at) over bay as next_changed_at,
        lead(hides_from_at) over bay as next_hides_from_at,
        lead(is_close) over bay as is_next_close,
        lead(is_late) over bay as is_next_late
    from gaps
    window bay as (partition by kerbside_id order by status_changed_at)
),

ended as (
    select
        kerbside_id,
        status_changed_at as revealed_at,
        status_changed_at as arrival_min_at,
        status_changed_at as arrival_max_at,
        case
            when next_status = 'Unoccupied' and is_next_close then next_changed_at
            else next_hides_from_at
        end as departure_min_at,
        next_changed_at as departure_max_at,
        'observed' as beginning,
        case when next_status = 'Unoccupied' and is_next_close then 'observed' else 'bounded' end as ending,
        previous_changed_at is not null and is_late or is_next_late as is_late_report,
        origin
    from events
    where status = 'Present' and next_changed_at is not null
),

unseen as (
    select
        kerbside_id,
        status_changed_at as revealed_at,
        hides_from_at as arrival_min_at,
        status_changed_at as arrival_max_at,
        status_changed_at as departure_min_at,
        status_changed_at as departure_max_at,
        'bounded' as beginning,
        'observed' as ending,
        is_late as is_late_report,
        origin
    from events
    where status = 'Unoccupied' and previous_status = 'Unoccupied'
),

unended as (
    select
        events.kerbside_id,
        events.status_changed_at as revealed_at,
        events.status_changed_at as arrival_min_at,
        events.status_changed_at as arrival_max_at,
        greatest(
            events.status_changed_at,
            coalesce(silent.last_heard_at, feed.last_heard_at) - {{ feed_lag }}
        ) as departure_min_at,
        cast(null as timestamp) as departure_max_at,
        'observed' as beginning,
        case when silent.kerbside_id is null then 'open' else 'lost' end as ending,
        events.previous_changed_at is not null and events.is_late as is_late_report,
        events.origin
    from events
    cross join feed
    left join silent on events.kerbside_id = silent.kerbside_id
    where events.status = 'Present' and events.next_changed_at is null
),

stays as (
    select * from ended
    union all
    select * from unseen
    union all
    select * from unended
)

select
    concat(stays.kerbside_id, '@', date_format(stays.revealed_at, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")) as session_key,
    stays.kerbside_id,
    bays.location_key,
    case when stays.arrival_min_at = stays.arrival_max_at then stays.arrival_min_at end as arrival_at,
    stays.arrival_min_at,
    stays.arrival_max_at,
    case when stays.departure_min_at = stays.departure_max_at then stays.departure_min_at end as departure_at,
    stays.departure_min_at,
    stays.departure_max_at,
    stays.beginning,
    stays.ending,
    stays.is_late_report,
    case
        when stays.arrival_min_at = stays.arrival_max_at and stays.departure_min_at = stays.departure_max_at
            then {{ minutes_between('stays.arrival_min_at', 'stays.departure_max_at') }}
    end as duration_minutes,
    greatest(
        {{ minutes_between('stays.arrival_max_at', 'stays.departure_min_at') }}, 0.0D
    ) as duration_min_minutes,
    {{ minutes_between('stays.arrival_min_at', 'stays.departure_max_at') }} as duration_max_minutes,
    stays.departure_min_at - stays.arrival_max_at > {{ suspect_after }} as is_suspect,
    stays.origin
from stays
inner join {{ ref('dim_bays') }} as bays on stays.kerbside_id = bays.kerbside_id
