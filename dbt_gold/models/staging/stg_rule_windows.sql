select
    zone_number,
    start_at,
    end_at,
    code,
    limit_minutes,
    kind,
    is_metered,
    is_ambiguous,
    clock_start_at
from {{ source('silver', 'rule_windows') }}
