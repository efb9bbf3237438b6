select
    zone_number,
    start_at,
    end_at
from {{ source('silver', 'rule_versions') }}
