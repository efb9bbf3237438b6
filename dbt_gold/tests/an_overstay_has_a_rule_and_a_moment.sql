select session_key, verdict, rule_at_arrival, overstay_min_minutes, first_breach_at
from {{ ref('fact_parking_sessions') }}
where
    ended_on >= {{ stays_from_on() }}
    and (
        (is_overstay and (overstay_min_minutes is null or first_breach_at is null or rule_at_arrival = 'no_rule'))
        or (verdict = 'overstay' and not is_overstay)
        or (verdict = 'no_rule' and (is_overstay or overstay_max_minutes is not null))
    )
