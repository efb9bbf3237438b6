-- The Curb Data Specification's average: the sum of durations by the stays with a duration.
select
    locations.street,
    sessions.ended_on as local_date,
    sessions.rule_at_arrival,
    count(*) as stays,
    sum(sessions.duration_minutes) as stay_minutes,
    sum(sessions.duration_minutes) / count(*) as average_stay_minutes
from {{ ref('fact_parking_sessions') }} as sessions
inner join {{ ref('dim_locations') }} as locations on sessions.location_key = locations.location_key
where sessions.duration_minutes is not null and not sessions.is_suspect
group by locations.street, sessions.ended_on, sessions.rule_at_arrival
