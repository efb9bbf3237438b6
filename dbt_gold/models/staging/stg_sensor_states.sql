select
    kerbside_id,
    valid_from_at,
    lead(valid_from_at) over (partition by kerbside_id order by valid_from_at) as valid_to_at,
    is_online,
    is_retired,
    zone_number,
    longitude,
    latitude,
    observed_at,
    origin
from {{ source('silver', 'sensor_states') }}
