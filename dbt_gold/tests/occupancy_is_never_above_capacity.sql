select *
from {{ ref('fact_occupancy') }}
where
    local_date >= {{ occupancy_from_on() }}
    and (
        occupied_minutes > online_minutes + 0.000001D
        or uncertain_minutes > online_minutes + 0.000001D
        or online_minutes > bay_minutes + 0.000001D
        or bay_minutes > 15 * bays_total + 0.000001D
        or minutes_full > 15.000001D
        or bays_online > bays_total
        or occupancy_percent not between 0 and 100.000001D
    )
