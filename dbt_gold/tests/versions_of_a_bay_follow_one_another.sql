select *
from (
    select
        bay_version_key,
        valid_from_at,
        valid_to_at,
        is_current,
        lead(valid_from_at) over (partition by kerbside_id order by valid_from_at) as next_from_at
    from {{ ref('dim_bays') }}
)
where not valid_to_at <=> next_from_at or is_current <> (valid_to_at is null)
