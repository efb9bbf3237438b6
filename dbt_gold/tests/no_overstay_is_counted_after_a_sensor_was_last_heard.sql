select session_key, first_breach_at, departure_min_at
from {{ ref('fact_parking_sessions') }}
where
    ended_on >= {{ stays_from_on() }}
    and ending = 'lost'
    and (
        first_breach_at >= departure_min_at
        or overstay_min_minutes > {{ minutes_between('first_breach_at', 'departure_min_at') }} + 0.000001D
    )
