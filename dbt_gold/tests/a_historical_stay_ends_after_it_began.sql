select stay_key, arrival_at, departure_at, duration_minutes
from {{ ref('fact_historical_stays') }}
where departure_at <= arrival_at or duration_minutes <= 0
