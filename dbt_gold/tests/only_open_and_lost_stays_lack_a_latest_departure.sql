select session_key, ending, departure_max_at
from {{ ref('fact_parking_sessions') }}
where
    ended_on >= {{ stays_from_on() }}
    and (
        (departure_max_at is null) <> (ending in ('open', 'lost'))
        or (ended_on = {{ not_ended() }}) <> (ending in ('open', 'lost'))
    )
