select
    locations.street,
    count(*) as bays,
    count(*) filter (where bays.meter_id <> 'none') as bays_with_meter,
    count(*) filter (where bays.has_credit_card) as bays_with_credit_card,
    count(*) filter (where bays.has_tap_and_go) as bays_with_tap_and_go,
    count(*) filter (where bays.has_credit_card or bays.has_tap_and_go) as card_paying_bays,
    count(*) filter (where bays.has_credit_card or bays.has_tap_and_go)
    / nullif(count(*) filter (where bays.meter_id <> 'none'), 0) as card_paying_share
from {{ ref('dim_bays') }} as bays
inner join {{ ref('dim_locations') }} as locations on bays.location_key = locations.location_key
where bays.is_current and not bays.is_retired
group by locations.street
