select session_key, ending, departure_max_at
from {{ ref('fact_parking_sessions') }}
where (departure_max_at is null) <> (ending in ('open', 'lost'))
