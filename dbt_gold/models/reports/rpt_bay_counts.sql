-- A sensor that is suspected to be stuck counts neither as occupied nor as online.
with overstaying as (
    select kerbside_id, overstay_min_minutes
    from {{ ref('fact_parking_sessions') }}
    where ending = 'open' and is_overstay and not is_suspect
),

bays as (
    select
        locations.street,
        health.last_changed_at,
        health.is_stale,
        health.is_stuck,
        health.is_suspect,
        health.is_online and not health.is_suspect and health.status is not null as is_online,
        health.is_online and not health.is_suspect and health.status = 'Present' as is_taken,
        overstaying.kerbside_id is not null as is_over,
        overstaying.overstay_min_minutes
    from {{ ref('dim_bays') }} as bays
    inner join {{ ref('dim_locations') }} as locations on bays.location_key = locations.location_key
    inner join {{ ref('fact_sensor_health') }} as health on bays.kerbside_id = health.kerbside_id
    left join overstaying on bays.kerbside_id = overstaying.kerbside_id
    where bays.is_current and not bays.is_retired
)

select
    street,
    count(*) as bays,
    count(*) filter (where is_online) as bays_online,
    count(*) filter (where is_online and not is_taken) as free_bays,
    count(*) filter (where is_taken) as taken_bays,
    count(*) filter (where is_taken and is_over) as overstaying_bays,
    coalesce(sum(overstay_min_minutes) filter (where is_taken), 0) as minutes_over,
    case
        when 2 * count(*) filter (where is_online) >= count(*)
            then 100 * count(*) filter (where is_taken) / nullif(count(*) filter (where is_online), 0)
    end as occupancy_percent,
    count(*) filter (where is_stale) as bays_stale,
    count(*) filter (where is_stuck) as bays_stuck,
    count(*) filter (where is_suspect) as bays_suspect,
    max(last_changed_at) as newest_change_at
from bays
group by street
