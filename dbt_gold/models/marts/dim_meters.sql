{{ config(tags=['references']) }}
select
    meter_id,
    substring_index(location_description, ' between ', 1) as street,
    location_description,
    coalesce(accepts_credit_card, false) as has_credit_card,
    coalesce(accepts_tap_and_go, false) as has_tap_and_go,
    longitude,
    latitude,
    is_retired
from {{ ref('stg_meters') }}
where is_current
union all
-- Of bays with no meter near.
select 'none', null, null, false, false, null, null, false
