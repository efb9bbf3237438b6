select session_key, arrival_min_at, arrival_max_at, departure_min_at, departure_max_at
from {{ ref('fact_parking_sessions') }}
where
    ended_on >= {{ stays_from_on() }}
    and (
        arrival_min_at > arrival_max_at
        or departure_min_at > departure_max_at
        or arrival_max_at > departure_max_at
        or arrival_min_at > departure_min_at
        or duration_min_minutes > duration_max_minutes
        or overstay_min_minutes > overstay_max_minutes
    )
