{{ config(tags=['references']) }}
-- Its bays are those of 2018 to 2020: no kerbside_id, even where a number occurs in both.
select
    concat(bay_id, '-', slot) as bay_restriction_key,
    bay_id,
    slot,
    device_id,
    type,
    description,
    from_weekday,
    to_weekday,
    start_minute,
    finish_minute,
    limit_minutes,
    disability_limit_minutes,
    is_effective_on_public_holidays,
    exemption,
    is_retired
from {{ ref('stg_bay_restrictions') }}
where is_current
