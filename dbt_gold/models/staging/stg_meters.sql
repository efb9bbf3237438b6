select
    meter_id,
    accepts_credit_card,
    accepts_tap_and_go,
    location_description,
    longitude,
    latitude,
    is_retired,
    is_current
from {{ source('silver', 'meters') }}
