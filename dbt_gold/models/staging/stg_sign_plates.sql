select
    zone_number,
    days,
    start_minute,
    finish_minute,
    code,
    is_retired,
    valid_from_at,
    valid_to_at,
    is_current,
    is_assumed
from {{ source('silver', 'sign_plates') }}
