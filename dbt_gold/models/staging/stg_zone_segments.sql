select
    zone_number,
    segment_id,
    street,
    street_from,
    street_to,
    is_retired,
    observed_at as valid_from_at,
    lead(observed_at) over (partition by zone_number, segment_id order by observed_at) as valid_to_at,
    row_number() over (partition by zone_number, segment_id order by observed_at) = 1 as is_assumed
from {{ source('silver', 'zone_segments') }}
