select
    street_marker,
    arrival_at,
    departure_at,
    duration_seconds,
    reported_duration_seconds,
    sign,
    is_in_violation,
    area,
    street,
    street_from,
    street_to,
    side_of_street,
    device_id,
    bay_id,
    file_name,
    line_number
from {{ source('silver', 'historical_stays') }}
