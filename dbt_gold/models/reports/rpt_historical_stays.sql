-- The City's own files and its own verdicts, never mixed with ours.
select
    coalesce(street, 'Unknown') as street,
    coalesce(sign, 'none') as sign,
    count(*) as stays,
    sum(duration_minutes) as stay_minutes,
    sum(duration_minutes) / count(*) as average_stay_minutes,
    count(*) filter (where is_in_violation) as stays_in_violation,
    100 * count(*) filter (where is_in_violation) / count(*) as violation_percent
from {{ ref('fact_historical_stays') }}
where not is_suspect
group by coalesce(street, 'Unknown'), coalesce(sign, 'none')
