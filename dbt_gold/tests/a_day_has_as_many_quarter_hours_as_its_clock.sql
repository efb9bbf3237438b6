-- 92 or 100 where the clocks change. The first and the last day are cut.
with days as (
    select local_date, count(distinct starts_at) as quarters
    from {{ ref('fact_occupancy') }}
    where local_date >= {{ occupancy_from_on() }}
    group by local_date
),

ends as (
    select min(local_date) as first_date, max(local_date) as last_date
    from {{ ref('fact_occupancy') }}
)

select days.local_date, days.quarters, dates.hours
from days
cross join ends
inner join {{ ref('dim_dates') }} as dates on days.local_date = dates.local_date
where
    days.quarters > 4 * dates.hours
    or (days.quarters <> 4 * dates.hours and days.local_date > ends.first_date and days.local_date < ends.last_date)
