-- name: melpark-now
-- version: 1
-- How full each place is now, by the newest row of each sensor. Times are milliseconds.
{% from 'macros.sql.jinja' import ms, at, kafka, upserts with context %}

CREATE TEMPORARY TABLE sensors (
    op STRING,
    `after` ROW<
        kerbside_id STRING, status STRING, status_changed_at TIMESTAMP_LTZ(3), is_online BOOLEAN, is_retired BOOLEAN,
        observed_at TIMESTAMP_LTZ(3)
    >
) WITH (
    {{ kafka(topics.sensors, none) }}
);

CREATE TEMPORARY TABLE places (
    kerbside_id STRING,
    location STRING,
    zone STRING,
    street STRING
) WITH (
    {{ kafka(topics.places, none) }}
);

-- Now has no start, which a key of Flink must have: the key is shorter.
CREATE TEMPORARY TABLE occupancy (
    {{ columns.occupancy }},
    PRIMARY KEY (place_kind, place, window_kind) NOT ENFORCED
) WITH (
    {{ upserts(topics.occupancy) }}
);

CREATE TEMPORARY VIEW bays_now AS
SELECT kerbside_id, LAST_VALUE(bay) AS bay
FROM (
    SELECT
        `after`.kerbside_id AS kerbside_id,
        CAST(
            ROW(
                CASE WHEN `after`.is_retired THEN 0 ELSE 1 END,
                -- Who stood there too long when this was written is taken for a stuck sensor.
                CASE
                    WHEN `after`.is_retired OR NOT `after`.is_online THEN 0
                    WHEN `after`.status = 'Present'
                        AND {{ ms('`after`.observed_at') }} - {{ ms('`after`.status_changed_at') }} >= {{ suspect_after_ms }}
                        THEN 0
                    ELSE 1
                END,
                CASE WHEN `after`.status = 'Present' THEN 1 ELSE 0 END,
                {{ ms('`after`.observed_at') }}
            ) AS ROW<total INT, online INT, present INT, known_ms BIGINT>
        ) AS bay
    FROM sensors
    WHERE op <> 'd'
)
GROUP BY kerbside_id;

CREATE TEMPORARY VIEW places_now AS
SELECT kerbside_id, LAST_VALUE(CAST(ROW(location, zone, street) AS ROW<location STRING, zone STRING, street STRING>)) AS place
FROM places
GROUP BY kerbside_id;

INSERT INTO occupancy
SELECT
    place_kind,
    place,
    'now',
    CAST(NULL AS TIMESTAMP_LTZ(3)),
    CAST(NULL AS TIMESTAMP_LTZ(3)),
    CAST(NULL AS DOUBLE),
    CAST(NULL AS DOUBLE),
    CAST(NULL AS DOUBLE),
    CAST(NULL AS DOUBLE),
    total,
    online,
    occupied,
    CASE WHEN online > 0 AND 2 * online >= total THEN occupied * 100.0E0 / online END,
    CAST(NULL AS INT),
    CAST(NULL AS INT),
    CAST(NULL AS DOUBLE),
    {{ at('known_ms') }}
FROM (
    SELECT
        k.place_kind,
        k.place,
        SUM(total) AS total,
        SUM(online) AS online,
        SUM(online * present) AS occupied,
        MAX(known_ms) AS known_ms
    FROM (
        SELECT
            b.bay.total AS total, b.bay.online AS online, b.bay.present AS present, b.bay.known_ms AS known_ms,
            p.place.location AS location, p.place.zone AS zone, p.place.street AS street
        FROM bays_now AS b
        INNER JOIN places_now AS p ON b.kerbside_id = p.kerbside_id
    ) AS c
    CROSS JOIN UNNEST(MAP['location', c.location, 'zone', c.zone, 'street', c.street, 'city', '{{ city }}'])
        AS k (place_kind, place)
    GROUP BY k.place_kind, k.place
);
