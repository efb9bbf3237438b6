-- An event to Present begins a stay, one to Unoccupied after Unoccupied reveals one; any other ends or begins nothing new.
with revealing as (
    select kerbside_id, if(status = 'Present', status_changed_at, next_changed_at) as revealed_at
    from {{ ref('int_bay_spells') }}
    where ended_on >= {{ stays_from_on() }} and (status = 'Present' or next_status = 'Unoccupied')
),

stays as (
    select kerbside_id, arrival_max_at as revealed_at
    from {{ ref('fact_parking_sessions') }}
    where ended_on >= {{ stays_from_on() }}
)

(select * from revealing except all select * from stays)
union all
(select * from stays except all select * from revealing)
