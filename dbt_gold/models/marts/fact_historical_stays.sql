-- Never mixed with fact_parking_sessions: markers of those years are in no table of today's bays.
-- A file is loaded whole and never changes, so a build takes the files that it does not hold yet.
{{ config(materialized='incremental', incremental_strategy='append', tags=['history']) }}
select
    concat(stays.street_marker, '@', date_format(stays.arrival_at, "yyyy-MM-dd'T'HH:mm:ss'Z'")) as stay_key,
    stays.street_marker,
    stays.street,
    stays.street_from,
    stays.street_to,
    stays.side_of_street,
    stays.area,
    stays.arrival_at,
    stays.departure_at,
    stays.duration_seconds / 60.0D as duration_minutes,
    stays.duration_seconds > {{ var('suspect_after_seconds') }} as is_suspect,
    stays.sign,
    stays.is_in_violation,
    stays.file_name,
    stays.line_number,
    stays.file_sha256
from {{ ref('stg_historical_stays') }} as stays
{% if is_incremental() %}
left anti join {{ this }} as held on stays.file_sha256 = held.file_sha256
{% endif %}
