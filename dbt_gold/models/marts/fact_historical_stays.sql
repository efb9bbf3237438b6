-- Never mixed with fact_parking_sessions: markers of those years are in no table of today's bays.
select
    concat(street_marker, '@', date_format(arrival_at, "yyyy-MM-dd'T'HH:mm:ss'Z'")) as stay_key,
    street_marker,
    street,
    street_from,
    street_to,
    side_of_street,
    area,
    arrival_at,
    departure_at,
    duration_seconds / 60.0D as duration_minutes,
    duration_seconds > {{ var('suspect_after_seconds') }} as is_suspect,
    sign,
    is_in_violation,
    file_name,
    line_number
from {{ ref('stg_historical_stays') }}
