-- name: melpark-occupancy
-- version: 3
-- How full each place was in the windows of the last hours (docs/live.md, ADR 0025). Times are milliseconds.
{% from 'macros.sql.jinja' import ms, at, kafka, upserts with context %}

CREATE TEMPORARY TABLE sensors (
    op STRING,
    `after` ROW<
        kerbside_id STRING, status STRING, status_changed_at TIMESTAMP_LTZ(3), is_online BOOLEAN, is_retired BOOLEAN,
        observed_at TIMESTAMP_LTZ(3)
    >,
    logged_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL
) WITH (
    {{ kafka(topics.sensors, none) }}
);

CREATE TEMPORARY TABLE sensor_events (
    op STRING,
    `after` ROW<
        kerbside_id STRING, status_changed_at TIMESTAMP_LTZ(3), status STRING, observed_at TIMESTAMP_LTZ(3),
        heard_at TIMESTAMP_LTZ(3), previous_heard_at TIMESTAMP_LTZ(3), origin STRING
    >
) WITH (
    {{ kafka(topics.sensor_events, start) }}
);

CREATE TEMPORARY TABLE sensor_states (
    op STRING,
    `after` ROW<
        kerbside_id STRING, valid_from_at TIMESTAMP_LTZ(3), is_online BOOLEAN, is_retired BOOLEAN,
        observed_at TIMESTAMP_LTZ(3), origin STRING
    >
) WITH (
    {{ kafka(topics.sensor_states, start) }}
);

CREATE TEMPORARY TABLE feed_outages (
    op STRING,
    `after` ROW<
        start_at TIMESTAMP_LTZ(3), end_at TIMESTAMP_LTZ(3), observed_at TIMESTAMP_LTZ(3), origin STRING
    >
) WITH (
    {{ kafka(topics.feed_outages, start) }}
);

CREATE TEMPORARY TABLE polls (
    op STRING,
    `after` ROW<dataset STRING, outcome STRING, feed_updated_at TIMESTAMP_LTZ(3), origin STRING>
) WITH (
    {{ kafka(topics.polls, start) }}
);

CREATE TEMPORARY TABLE places (
    kerbside_id STRING,
    location STRING,
    zone STRING,
    street STRING,
    valid_from_ms BIGINT
) WITH (
    {{ kafka(topics.places, none) }}
);

CREATE TEMPORARY TABLE occupancy (
    {{ columns.occupancy }},
    PRIMARY KEY (place_kind, place, window_kind, window_start_at) NOT ENFORCED
) WITH (
    {{ upserts(topics.occupancy) }}
);

CREATE TEMPORARY TABLE late (
    kerbside_id STRING,
    happened_at TIMESTAMP_LTZ(3),
    known_at TIMESTAMP_LTZ(3),
    reason STRING
) WITH (
    'connector' = 'kafka',
    'topic' = '{{ topics.late }}',
    'properties.bootstrap.servers' = '{{ servers }}',
    'format' = 'json',
    'json.timestamp-format.standard' = 'ISO-8601'
);

{% include 'occupancy_facts.sql.jinja' %}

{% include 'occupancy_pieces.sql.jinja' %}

{% include 'occupancy_windows.sql.jinja' %}

EXECUTE STATEMENT SET
BEGIN
INSERT INTO occupancy
SELECT
    place_kind,
    place,
    window_kind,
    {{ at('start_ms') }},
    {{ at('end_ms') }},
    total_ms / 1000.0E0,
    online_ms / 1000.0E0,
    occupied_ms / 1000.0E0,
    uncertain_ms / 1000.0E0,
    CAST(total_at_end AS INT),
    CAST(online_at_end AS INT),
    CAST(occupied_at_end AS INT),
    CASE WHEN online_ms > 0 AND 2 * online_ms >= total_ms THEN occupied_ms * 100.0E0 / online_ms END,
    CAST(arrivals AS INT),
    CAST(departures AS INT),
    arrivals * 3600000.0E0 / (end_ms - start_ms),
    {{ at('known_ms') }}
FROM windows
WHERE total_ms > 0;

INSERT INTO late
SELECT
    kerbside_id,
    {{ at('changed_ms') }},
    {{ at('known_ms') }},
    CASE
        WHEN changed_ms < before_ms THEN 'a later change of the bay was known before'
        ELSE 'windows of so long ago are not published again'
    END
FROM ordered_facts
WHERE
    is_history
    AND (changed_ms < before_ms OR (changed_ms > before_ms AND changed_ms < known_ms - {{ republish_ms + feed_lag_ms }}));
END;
