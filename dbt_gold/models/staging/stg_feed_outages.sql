select
    start_at,
    end_at,
    observed_at,
    origin
from {{ source('silver', 'feed_outages') }}
