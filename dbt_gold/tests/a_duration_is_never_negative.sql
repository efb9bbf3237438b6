select session_key, duration_minutes, duration_min_minutes, duration_max_minutes
from {{ ref('fact_parking_sessions') }}
where
    ended_on >= {{ stays_from_on() }}
    and least(duration_minutes, duration_min_minutes, duration_max_minutes) < 0
