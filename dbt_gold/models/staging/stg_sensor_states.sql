select
    kerbside_id,
    valid_from_at,
    valid_to_at,
    is_online,
    is_retired,
    zone_number,
    longitude,
    latitude,
    observed_at,
    origin
from {{ source('silver', 'sensor_states') }}
