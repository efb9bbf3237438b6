-- Of the stays that have ended. Only those of which it is certain are judged.
with stays as (
    select
        locations.street,
        sessions.ended_on as local_date,
        sessions.rule_at_arrival,
        sessions.verdict,
        sessions.overstay_min_minutes,
        sessions.within_disability_extension
    from {{ ref('fact_parking_sessions') }} as sessions
    inner join {{ ref('dim_locations') }} as locations on sessions.location_key = locations.location_key
    where sessions.departure_max_at is not null and not sessions.is_suspect
)

select
    street,
    local_date,
    rule_at_arrival,
    count(*) as stays,
    count(*) filter (where verdict in ('overstay', 'within')) as judged_stays,
    count(*) filter (where verdict = 'overstay') as overstays,
    count(*) filter (where verdict = 'overstay' and within_disability_extension) as overstays_within_extension,
    coalesce(sum(overstay_min_minutes) filter (where verdict = 'overstay'), 0) as minutes_over,
    100 * count(*) filter (where verdict = 'overstay')
    / nullif(count(*) filter (where verdict in ('overstay', 'within')), 0) as overstay_percent,
    100 * count(*) filter (where verdict = 'within')
    / nullif(count(*) filter (where verdict in ('overstay', 'within')), 0) as compliance_percent
from stays
group by street, local_date, rule_at_arrival
