-- What a map shows of each bay, as old as gold is.
with open_stays as (
    select
        kerbside_id,
        rule_at_arrival,
        limit_minutes,
        permitted_until_at,
        first_breach_at,
        is_overstay,
        overstay_min_minutes
    from {{ ref('fact_parking_sessions') }}
    where ending = 'open' and not is_suspect
),

bays as (
    select
        bays.kerbside_id,
        bays.location_key,
        locations.street,
        bays.street_description,
        bays.longitude,
        bays.latitude,
        bays.has_credit_card,
        bays.has_tap_and_go,
        health.last_changed_at,
        health.online_share,
        health.is_stale,
        health.is_stuck,
        health.is_suspect,
        case
            when not health.is_online then 'offline'
            when health.is_suspect or health.status is null then 'unknown'
            when health.status = 'Unoccupied' then 'free'
            when open_stays.is_overstay then 'overstaying'
            else 'taken'
        end as state,
        open_stays.rule_at_arrival,
        open_stays.limit_minutes,
        open_stays.permitted_until_at,
        open_stays.first_breach_at,
        open_stays.overstay_min_minutes
    from {{ ref('dim_bays') }} as bays
    inner join {{ ref('dim_locations') }} as locations on bays.location_key = locations.location_key
    inner join {{ ref('fact_sensor_health') }} as health on bays.kerbside_id = health.kerbside_id
    left join open_stays on bays.kerbside_id = open_stays.kerbside_id
    where bays.is_current and not bays.is_retired
)

select
    kerbside_id,
    location_key,
    street,
    street_description,
    longitude,
    latitude,
    state,
    last_changed_at,
    rule_at_arrival,
    limit_minutes,
    permitted_until_at,
    case when state = 'overstaying' then first_breach_at end as first_breach_at,
    case when state = 'overstaying' then overstay_min_minutes end as minutes_over,
    has_credit_card,
    has_tap_and_go,
    online_share,
    is_stale,
    is_stuck,
    is_suspect
from bays
