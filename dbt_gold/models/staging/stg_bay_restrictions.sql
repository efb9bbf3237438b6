select
    bay_id,
    slot,
    device_id,
    type,
    description,
    from_weekday,
    to_weekday,
    start_minute,
    finish_minute,
    limit_minutes,
    disability_limit_minutes,
    is_effective_on_public_holidays,
    exemption,
    is_retired,
    is_current
from {{ source('silver', 'bay_restrictions') }}
