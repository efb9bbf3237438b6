select
    zone_number,
    segment_id,
    street,
    street_from,
    street_to,
    is_retired,
    valid_from_at,
    valid_to_at,
    is_current,
    is_assumed
from {{ source('silver', 'zone_segments') }}
