select
    kerbside_id,
    status_changed_at,
    status,
    is_present,
    observed_at,
    heard_at,
    previous_heard_at,
    origin
from {{ source('silver', 'sensor_events') }}
