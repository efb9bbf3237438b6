{{ config(tags=['references']) }}
-- The City says only how things are, so what is first known of a bay counts as if it always had been so.
{% set beginning = "timestamp'1970-01-01 00:00:00'" %}

with moved as (
    select
        *,
        lag(struct(zone_number, longitude, latitude, is_retired)) over (
            partition by kerbside_id
            order by valid_from_at
        ) as before,
        row_number() over (partition by kerbside_id order by valid_from_at) as number
    from {{ ref('stg_sensor_states') }}
),

places as (
    select
        kerbside_id,
        zone_number,
        longitude,
        latitude,
        is_retired,
        if(number = 1, {{ beginning }}, valid_from_at) as valid_from_at,
        lead(valid_from_at) over (partition by kerbside_id order by valid_from_at) as valid_to_at
    from moved
    where number = 1 or not before <=> struct(zone_number, longitude, latitude, is_retired)
),

-- Of its versions those that tell where a bay is.
kerb_bays as (
    select
        kerbside_id,
        bay_key,
        road_segment_id,
        road_segment_description,
        substring_index(road_segment_description, ' between ', 1) as street,
        longitude,
        latitude,
        is_retired,
        if(is_assumed, {{ beginning }}, valid_from_at) as valid_from_at,
        valid_to_at
    from {{ ref('stg_bays') }}
    where kerbside_id is not null
),

segments as (
    select
        zone_number,
        segment_id,
        street,
        is_retired,
        if(is_assumed, {{ beginning }}, valid_from_at) as valid_from_at,
        valid_to_at
    from {{ ref('stg_zone_segments') }}
),

-- The instants at which anything about a bay may have changed. A bay with an event but no state is a bay too.
instants as (
    select kerbside_id, {{ beginning }} as at from {{ ref('int_bay_spells') }} where ended_on = {{ not_ended() }}
    union
    select kerbside_id, valid_from_at from places
    union
    select kerb_bays.kerbside_id, kerb_bays.valid_from_at
    from kerb_bays
    inner join places on kerb_bays.kerbside_id = places.kerbside_id
    union
    select places.kerbside_id, segments.valid_from_at
    from segments
    inner join places on segments.zone_number = places.zone_number
),

placed as (
    select
        instants.kerbside_id,
        instants.at,
        places.zone_number,
        places.longitude,
        places.latitude,
        coalesce(places.is_retired, false) as is_retired
    from instants
    left join places
        on
            instants.kerbside_id = places.kerbside_id
            and instants.at >= places.valid_from_at
            and (places.valid_to_at is null or instants.at < places.valid_to_at)
),

-- Some ids stand at several kerb bays, up to kilometres apart: the one nearest the sensor is meant.
nearest as (
    select
        placed.*,
        min_by(
            struct(
                kerb_bays.bay_key, kerb_bays.road_segment_id, kerb_bays.road_segment_description, kerb_bays.street
            ),
            struct(
                {{ square_of_distance('placed', 'kerb_bays') }} as distance,
                kerb_bays.bay_key
            )
        ) as bay
    from placed
    left join kerb_bays
        on
            placed.kerbside_id = kerb_bays.kerbside_id
            and placed.at >= kerb_bays.valid_from_at
            and (kerb_bays.valid_to_at is null or placed.at < kerb_bays.valid_to_at)
            and not kerb_bays.is_retired
            and placed.latitude is not null
    group by all
),

-- Of the zone's segments the bay's own, else the lowest on its street, else the zone's only one.
described as (
    select
        nearest.kerbside_id,
        nearest.at,
        nearest.zone_number,
        nearest.longitude,
        nearest.latitude,
        nearest.is_retired,
        nearest.bay.bay_key as bay_key,
        coalesce(nearest.bay.street, 'Unknown') as street,
        coalesce(nearest.bay.road_segment_description, 'Unknown') as street_description,
        coalesce(
            min(if(segments.segment_id = nearest.bay.road_segment_id, segments.segment_id, null)),
            min(if(segments.street = nearest.bay.street, segments.segment_id, null)),
            if(count(segments.segment_id) = 1, min(segments.segment_id), null),
            nearest.bay.road_segment_id
        ) as segment_id
    from nearest
    left join segments
        on
            nearest.zone_number = segments.zone_number
            and nearest.at >= segments.valid_from_at
            and (segments.valid_to_at is null or nearest.at < segments.valid_to_at)
            and not segments.is_retired
    group by
        nearest.kerbside_id,
        nearest.at,
        nearest.zone_number,
        nearest.longitude,
        nearest.latitude,
        nearest.is_retired,
        nearest.bay
),

changed as (
    select
        *,
        lag(struct(zone_number, segment_id, bay_key, street_description, longitude, latitude, is_retired)) over (
            partition by kerbside_id
            order by at
        ) as before
    from described
),

versions as (
    select
        * except (before),
        lead(at) over (partition by kerbside_id order by at) as valid_to_at
    from changed
    where
        before is null
        or not before
        <=> struct(zone_number, segment_id, bay_key, street_description, longitude, latitude, is_retired)
),

-- A driver pays at a meter of the bay's street, if one is near.
metered as (
    select
        versions.*,
        min_by(
            struct(meters.meter_id, meters.has_credit_card, meters.has_tap_and_go),
            struct({{ square_of_distance('versions', 'meters') }} as distance, meters.meter_id)
        ) as meter
    from versions
    left join {{ ref('dim_meters') }} as meters
        on
            versions.street = meters.street
            and not meters.is_retired
            and {{ square_of_distance('versions', 'meters') }}
            <= pow({{ var('meter_within_metres') }} / {{ metres_per_degree() }}, 2)
    group by all
)

select
    concat(kerbside_id, '@', date_format(at, "yyyy-MM-dd'T'HH:mm:ss'Z'")) as bay_version_key,
    kerbside_id,
    {{ location_key('zone_number', 'segment_id') }} as location_key,
    zone_number,
    segment_id,
    bay_key,
    street,
    street_description,
    longitude,
    latitude,
    coalesce(meter.meter_id, 'none') as meter_id,
    meter.has_credit_card as has_credit_card,
    meter.has_tap_and_go as has_tap_and_go,
    is_retired,
    at as valid_from_at,
    valid_to_at,
    valid_to_at is null as is_current
from metered
