{% set rule = 'zone_number, days, start_minute, finish_minute, code' %}
select
    {{ rule }},
    is_retired,
    observed_at as valid_from_at,
    lead(observed_at) over (partition by {{ rule }} order by observed_at) as valid_to_at,
    row_number() over (partition by {{ rule }} order by observed_at) = 1 as is_assumed
from {{ source('silver', 'sign_plates') }}
