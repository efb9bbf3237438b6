-- name: melpark-places
-- version: 2
-- Where each bay lies: location (parking zone by street segment), zone and street. The rules are dim_bays' of gold.
{% from 'macros.sql.jinja' import ms, kafka, upserts with context %}

CREATE TEMPORARY TABLE sensors (
    op STRING,
    `before` ROW<zone_number INT, longitude DOUBLE, latitude DOUBLE, is_retired BOOLEAN>,
    `after` ROW<
        kerbside_id STRING, zone_number INT, longitude DOUBLE, latitude DOUBLE, is_retired BOOLEAN,
        observed_at TIMESTAMP_LTZ(3)
    >
) WITH (
    {{ kafka(topics.sensors, none) }}
);

CREATE TEMPORARY TABLE bays (
    op STRING,
    `after` ROW<
        bay_key STRING, kerbside_id STRING, road_segment_id INT, road_segment_description STRING,
        longitude DOUBLE, latitude DOUBLE, is_retired BOOLEAN, observed_at TIMESTAMP_LTZ(3)
    >
) WITH (
    {{ kafka(topics.bays, none) }}
);

CREATE TEMPORARY TABLE zone_segments (
    op STRING,
    `after` ROW<
        zone_number INT, segment_id INT, street STRING, is_retired BOOLEAN, observed_at TIMESTAMP_LTZ(3)
    >
) WITH (
    {{ kafka(topics.zone_segments, none) }}
);

CREATE TEMPORARY TABLE places (
    kerbside_id STRING,
    location STRING,
    zone STRING,
    street STRING,
    zone_number INT,
    valid_from_ms BIGINT,
    PRIMARY KEY (kerbside_id) NOT ENFORCED
) WITH (
    {# At the start a bay is read before the kerb and the zone that say where it lies: one place is told, not three. #}
    {{ upserts(topics.places, within_ms=5000) }}
);

-- The City says only how things are, so what is first known counts as if it always had been so.
CREATE TEMPORARY VIEW sensors_now AS
SELECT
    kerbside_id,
    LAST_VALUE(place) AS place,
    MAX(from_ms) AS from_ms
FROM (
    SELECT
        `after`.kerbside_id AS kerbside_id,
        CAST(
            ROW(`after`.zone_number, `after`.longitude, `after`.latitude)
            AS ROW<zone_number INT, longitude DOUBLE, latitude DOUBLE>
        ) AS place,
        CASE
            WHEN op = 'u' AND (
                `before`.zone_number IS DISTINCT FROM `after`.zone_number
                OR `before`.longitude IS DISTINCT FROM `after`.longitude
                OR `before`.latitude IS DISTINCT FROM `after`.latitude
            ) THEN {{ ms('`after`.observed_at') }}
            ELSE CAST(0 AS BIGINT)
        END AS from_ms
    FROM sensors
    WHERE op <> 'd'
)
GROUP BY kerbside_id;

CREATE TEMPORARY VIEW kerb_bays AS
SELECT
    bay_key,
    LAST_VALUE(bay) AS bay,
    MAX(from_ms) AS from_ms
FROM (
    SELECT
        `after`.bay_key AS bay_key,
        CAST(
            ROW(
                `after`.kerbside_id, `after`.road_segment_id, `after`.road_segment_description,
                `after`.longitude, `after`.latitude, `after`.is_retired
            )
            AS ROW<
                kerbside_id STRING, road_segment_id INT, description STRING,
                longitude DOUBLE, latitude DOUBLE, is_retired BOOLEAN
            >
        ) AS bay,
        CASE WHEN op = 'u' THEN {{ ms('`after`.observed_at') }} ELSE CAST(0 AS BIGINT) END AS from_ms
    FROM bays
    WHERE op <> 'd' AND `after`.kerbside_id IS NOT NULL
)
GROUP BY bay_key;

CREATE TEMPORARY VIEW segments AS
SELECT
    zone_number,
    segment_id,
    LAST_VALUE(segment) AS segment,
    MAX(from_ms) AS from_ms
FROM (
    SELECT
        `after`.zone_number AS zone_number,
        `after`.segment_id AS segment_id,
        CAST(
            ROW(`after`.street, `after`.is_retired) AS ROW<street STRING, is_retired BOOLEAN>
        ) AS segment,
        CASE WHEN op = 'u' THEN {{ ms('`after`.observed_at') }} ELSE CAST(0 AS BIGINT) END AS from_ms
    FROM zone_segments
    WHERE op <> 'd'
)
GROUP BY zone_number, segment_id;

-- Some ids stand at several kerb bays, up to kilometres apart: the one nearest the sensor is meant.
CREATE TEMPORARY VIEW nearest AS
SELECT kerbside_id, zone_number, from_ms, road_segment_id, description, street
FROM (
    SELECT
        *,
        ROW_NUMBER() OVER (PARTITION BY kerbside_id ORDER BY distance, bay_key) AS number
    FROM (
        SELECT
            s.kerbside_id AS kerbside_id,
            s.place.zone_number AS zone_number,
            k.bay_key AS bay_key,
            GREATEST(s.from_ms, COALESCE(k.from_ms, CAST(0 AS BIGINT))) AS from_ms,
            k.bay.road_segment_id AS road_segment_id,
            k.bay.description AS description,
            SPLIT_INDEX(k.bay.description, ' between ', 0) AS street,
            POWER(k.bay.latitude - s.place.latitude, 2)
            + POWER((k.bay.longitude - s.place.longitude) * COS(RADIANS(s.place.latitude)), 2) AS distance
        FROM sensors_now AS s
        LEFT JOIN (SELECT * FROM kerb_bays WHERE NOT bay.is_retired) AS k ON s.kerbside_id = k.bay.kerbside_id
    )
)
WHERE number = 1;

-- Of the zone's segments the bay's own, else the lowest on its street, else the zone's only one.
INSERT INTO places
SELECT
    kerbside_id,
    COALESCE(CAST(zone_number AS STRING), 'none') || '-' || COALESCE(CAST(segment_id AS STRING), 'none'),
    COALESCE(CAST(zone_number AS STRING), 'none'),
    COALESCE(street, 'Unknown'),
    zone_number,
    from_ms
FROM (
    SELECT
        n.kerbside_id AS kerbside_id,
        n.zone_number AS zone_number,
        n.street AS street,
        COALESCE(
            MIN(CASE WHEN g.segment_id = n.road_segment_id THEN g.segment_id END),
            MIN(CASE WHEN g.segment.street = n.street THEN g.segment_id END),
            CASE WHEN COUNT(g.segment_id) = 1 THEN MIN(g.segment_id) END,
            n.road_segment_id
        ) AS segment_id,
        GREATEST(n.from_ms, COALESCE(MAX(g.from_ms), CAST(0 AS BIGINT))) AS from_ms
    FROM nearest AS n
    LEFT JOIN (SELECT * FROM segments WHERE NOT segment.is_retired) AS g ON n.zone_number = g.zone_number
    GROUP BY n.kerbside_id, n.zone_number, n.road_segment_id, n.street, n.from_ms
);
