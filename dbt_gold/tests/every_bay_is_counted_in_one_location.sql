select counted.bays, known.bays as known_bays
from (select sum(bay_count) as bays from {{ ref('dim_locations') }}) as counted
cross join (select count(distinct kerbside_id) as bays from {{ ref('dim_bays') }}) as known
where coalesce(counted.bays, 0) <> known.bays
