-- The first version counts as valid from the beginning: the City says only how things are.
select
    bay_key,
    kerbside_id,
    road_segment_id,
    road_segment_description,
    longitude,
    latitude,
    updated_on,
    is_retired,
    valid_from_at,
    valid_to_at,
    is_current,
    is_assumed
from {{ source('silver', 'bays') }}
