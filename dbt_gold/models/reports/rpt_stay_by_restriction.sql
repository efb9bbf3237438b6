-- A distribution by quarter hours of length: stays add up over streets and days, quantiles do not.
with kinds as (
    select code, max(kind) as kind
    from {{ ref('dim_sign_plates') }}
    group by code
),

stays as (
    select
        locations.street,
        sessions.ended_on as local_date,
        sessions.rule_at_arrival,
        case
            when sessions.rule_at_arrival in ('unrestricted', 'no_rule') then sessions.rule_at_arrival
            else coalesce(kinds.kind, 'several')
        end as restriction_type,
        cast(least(floor(sessions.duration_minutes / 15) * 15, 480) as int) as from_minutes,
        sessions.duration_minutes
    from {{ ref('fact_parking_sessions') }} as sessions
    inner join {{ ref('dim_locations') }} as locations on sessions.location_key = locations.location_key
    left join kinds on sessions.rule_at_arrival = kinds.code
    where sessions.duration_minutes is not null and not sessions.is_suspect
)

select
    street,
    local_date,
    rule_at_arrival,
    restriction_type,
    from_minutes,
    count(*) as stays,
    sum(duration_minutes) as stay_minutes
from stays
group by street, local_date, rule_at_arrival, restriction_type, from_minutes
