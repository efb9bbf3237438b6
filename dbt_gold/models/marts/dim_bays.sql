with sensors as (
    select kerbside_id, zone_number, longitude, latitude, is_online, is_retired
    from {{ ref('stg_sensor_states') }}
    where valid_to_at is null
),

-- A bay with an event but no state would leave its stays without a dimension row.
known as (
    select kerbside_id from sensors
    union
    select kerbside_id from {{ ref('stg_sensor_events') }}
),

kerb_bays as (
    select
        bay_key,
        kerbside_id,
        road_segment_id,
        road_segment_description,
        substring_index(road_segment_description, ' between ', 1) as street,
        longitude,
        latitude
    from {{ ref('stg_bays') }}
    where valid_to_at is null and not is_retired and kerbside_id is not null
),

-- Some ids stand at several kerb bays, up to kilometres apart: the one nearest the sensor is meant.
nearest as (
    select *
    from (
        select
            kerb_bays.*,
            row_number() over (
                partition by kerb_bays.kerbside_id
                order by
                    pow(kerb_bays.latitude - sensors.latitude, 2)
                    + pow((kerb_bays.longitude - sensors.longitude) * cos(radians(sensors.latitude)), 2),
                    bay_key
            ) as nearest_first
        from kerb_bays
        inner join sensors on kerb_bays.kerbside_id = sensors.kerbside_id
    )
    where nearest_first = 1
),

segments as (
    select zone_number, segment_id, street
    from {{ ref('stg_zone_segments') }}
    where valid_to_at is null and not is_retired
),

bays as (
    select
        known.kerbside_id,
        sensors.zone_number,
        sensors.longitude,
        sensors.latitude,
        coalesce(sensors.is_online, false) as is_online,
        coalesce(sensors.is_retired, false) as is_retired,
        nearest.bay_key,
        nearest.road_segment_id,
        nearest.road_segment_description,
        nearest.street
    from known
    left join sensors on known.kerbside_id = sensors.kerbside_id
    left join nearest on known.kerbside_id = nearest.kerbside_id
),

-- Of the zone's segments the bay's own, else the lowest on its street, else the zone's only one.
chosen as (
    select
        bays.kerbside_id,
        coalesce(
            min(case when segments.segment_id = bays.road_segment_id then segments.segment_id end),
            min(case when segments.street = bays.street then segments.segment_id end),
            case when count(segments.segment_id) = 1 then min(segments.segment_id) end
        ) as segment_id
    from bays
    left join segments on bays.zone_number = segments.zone_number
    group by bays.kerbside_id
)

select
    bays.kerbside_id,
    {{ location_key('bays.zone_number', 'coalesce(chosen.segment_id, bays.road_segment_id)') }} as location_key,
    bays.zone_number,
    coalesce(chosen.segment_id, bays.road_segment_id) as segment_id,
    bays.bay_key,
    coalesce(bays.street, 'Unknown') as street,
    coalesce(bays.road_segment_description, 'Unknown') as street_description,
    bays.longitude,
    bays.latitude,
    bays.is_online,
    bays.is_retired
from bays
inner join chosen on bays.kerbside_id = chosen.kerbside_id
