{{ config(tags=['references']) }}
with segments as (
    select
        zone_number,
        segment_id,
        street,
        case
            when street_from is null or street_to is null then street
            else concat(street, ' between ', street_from, ' and ', street_to)
        end as description
    from {{ ref('stg_zone_segments') }}
    where is_current and not is_retired
),

-- Also of bays that have moved: their stays belong to where they were.
of_bays as (
    select
        location_key,
        zone_number,
        segment_id,
        min(street) as street,
        min(street_description) as description,
        count_if(is_current) as bay_count,
        -- By decimals: a mean of doubles depends on the order in which Spark adds them.
        cast(avg(if(is_current, cast(longitude as decimal(17, 14)), null)) as double) as longitude,
        cast(avg(if(is_current, cast(latitude as decimal(17, 14)), null)) as double) as latitude
    from {{ ref('dim_bays') }}
    group by location_key, zone_number, segment_id
),

locations as (
    select
        coalesce(segments.zone_number, of_bays.zone_number) as zone_number,
        coalesce(segments.segment_id, of_bays.segment_id) as segment_id,
        coalesce(segments.street, of_bays.street) as street,
        coalesce(segments.description, of_bays.description) as description,
        coalesce(of_bays.bay_count, 0) as bay_count,
        of_bays.longitude,
        of_bays.latitude
    from segments
    full outer join of_bays
        on segments.zone_number = of_bays.zone_number and segments.segment_id = of_bays.segment_id
    union all
    -- The unknown member is there also when no bay needs it.
    select null, null, 'Unknown', 'Unknown', 0L, null, null
    where not exists (select 1 from of_bays where zone_number is null and segment_id is null)
)

select
    {{ location_key('zone_number', 'segment_id') }} as location_key,
    zone_number,
    segment_id,
    street,
    description,
    bay_count,
    longitude,
    latitude
from locations
