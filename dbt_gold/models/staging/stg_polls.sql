select
    poll_id,
    dataset,
    outcome,
    reason,
    observed_at,
    feed_updated_at,
    started_at,
    received_at,
    records,
    kept,
    changed,
    rejected,
    origin
from {{ source('silver', 'polls') }}
