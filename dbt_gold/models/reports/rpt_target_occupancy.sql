-- SFpark's measure of a block: full enough to be used, with a bay left for whoever comes.
select
    occupancy.location_key,
    locations.street,
    occupancy.local_date,
    count(*) as quarter_hours,
    count(*) filter (where occupancy.occupancy_percent between 60 and 80) as quarter_hours_in_band,
    sum(occupancy.minutes_full) as minutes_full,
    count(*) filter (where occupancy.occupancy_percent between 60 and 80) / count(*) as share_in_band,
    sum(occupancy.minutes_full) / (15 * count(*)) as share_full
from {{ ref('fact_occupancy') }} as occupancy
inner join {{ ref('dim_locations') }} as locations on occupancy.location_key = locations.location_key
where occupancy.occupancy_percent is not null
group by occupancy.location_key, locations.street, occupancy.local_date
