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
    observed_at as valid_from_at,
    lead(observed_at) over (partition by bay_key order by observed_at) as valid_to_at,
    row_number() over (partition by bay_key order by observed_at) = 1 as is_assumed
from {{ source('silver', 'bays') }}
