-- name: melpark-deadlines
-- version: 2
-- From when until when the vehicle in each bay will be over, by the rule calendar. Times are milliseconds.
{% from 'macros.sql.jinja' import ms, kafka, upserts with context %}

CREATE TEMPORARY TABLE sensors (
    op STRING,
    `after` ROW<
        kerbside_id STRING, status STRING, status_changed_at TIMESTAMP_LTZ(3), zone_number INT, is_online BOOLEAN,
        is_retired BOOLEAN, observed_at TIMESTAMP_LTZ(3)
    >
) WITH (
    {{ kafka(topics.sensors, none) }}
);

CREATE TEMPORARY TABLE rule_windows (
    op STRING,
    `after` ROW<
        zone_number INT, start_at TIMESTAMP_LTZ(3), code STRING, end_at TIMESTAMP_LTZ(3), limit_minutes INT,
        is_ambiguous BOOLEAN, clock_start_at TIMESTAMP_LTZ(3)
    >
) WITH (
    {{ kafka(topics.rule_windows, none) }}
);

CREATE TEMPORARY TABLE deadlines (
    kerbside_id STRING,
    zone_number INT,
    is_parked BOOLEAN,
    since_ms BIGINT,
    breach_ms BIGINT,
    end_ms BIGINT,
    known_ms BIGINT,
    PRIMARY KEY (kerbside_id) NOT ENFORCED
) WITH (
    {{ upserts(topics.deadlines) }}
);

CREATE TEMPORARY VIEW vehicles AS
SELECT
    kerbside_id, bay.zone_number AS zone_number, bay.is_parked AS is_parked, bay.since_ms AS since_ms,
    bay.known_ms AS known_ms
FROM (
    SELECT kerbside_id, LAST_VALUE(bay) AS bay
    FROM (
        SELECT
            `after`.kerbside_id AS kerbside_id,
            CAST(
                ROW(
                    `after`.zone_number,
                    `after`.status = 'Present' AND `after`.is_online AND NOT `after`.is_retired,
                    {{ ms('`after`.status_changed_at') }},
                    {{ ms('`after`.observed_at') }}
                ) AS ROW<zone_number INT, is_parked BOOLEAN, since_ms BIGINT, known_ms BIGINT>
            ) AS bay
        FROM sensors
        WHERE op <> 'd'
    )
    GROUP BY kerbside_id
);

-- Rules without a limit matter only beside others.
CREATE TEMPORARY VIEW rules AS
SELECT zone_number, start_ms, code, rule.end_ms AS end_ms, rule.limit_ms AS limit_ms, rule.clock_ms AS clock_ms
FROM (
    SELECT zone_number, start_ms, code, LAST_VALUE(rule) AS rule
    FROM (
        SELECT
            `after`.zone_number AS zone_number,
            {{ ms('`after`.start_at') }} AS start_ms,
            `after`.code AS code,
            CAST(
                ROW(
                    {{ ms('`after`.end_at') }},
                    CAST(`after`.limit_minutes AS BIGINT) * 60000,
                    {{ ms('`after`.clock_start_at') }}
                ) AS ROW<end_ms BIGINT, limit_ms BIGINT, clock_ms BIGINT>
            ) AS rule
        FROM rule_windows
        WHERE op <> 'd' AND (`after`.limit_minutes IS NOT NULL OR `after`.is_ambiguous)
    )
    GROUP BY zone_number, start_ms, code
);

-- Over is who is over by every rule in force. Windows of a zone cover the same time or do not touch.
CREATE TEMPORARY VIEW windows AS
SELECT
    v.kerbside_id, v.zone_number, v.is_parked, v.since_ms, v.known_ms, r.start_ms,
    MAX(GREATEST(r.start_ms, GREATEST(v.since_ms, r.clock_ms) + r.limit_ms)) AS breach_ms,
    MIN(r.end_ms) AS end_ms,
    COUNT(r.code) - COUNT(r.limit_ms) AS without_limit,
    -- One rule is cut into several times, at midnight or where its code changes; its clock runs on.
    CASE WHEN COUNT(r.code) = 1 THEN MIN(r.clock_ms) ELSE r.start_ms END AS run_ms
FROM vehicles AS v
LEFT JOIN rules AS r
    ON r.zone_number = v.zone_number
    AND v.is_parked
    AND r.end_ms > v.since_ms
    AND r.end_ms > r.start_ms
    AND r.start_ms < v.since_ms + {{ suspect_after_ms }}
GROUP BY v.kerbside_id, v.zone_number, v.is_parked, v.since_ms, v.known_ms, r.start_ms;

-- The first run that is long enough to be told. Runs do not overlap, so the first to begin is the first to end.
INSERT INTO deadlines
SELECT kerbside_id, zone_number, is_parked, since_ms, MIN(breach_ms), MIN(end_ms), known_ms
FROM (
    SELECT
        kerbside_id, zone_number, is_parked, since_ms, known_ms,
        CASE WHEN is_long_enough THEN breach_ms END AS breach_ms,
        CASE WHEN is_long_enough THEN end_ms END AS end_ms
    FROM (
        SELECT *, breach_ms + {{ overstay_ms }} <= end_ms AS is_long_enough
        FROM (
            SELECT
                kerbside_id, zone_number, is_parked, since_ms, known_ms,
                MIN(CASE WHEN without_limit = 0 THEN breach_ms END) AS breach_ms,
                MAX(end_ms) AS end_ms
            FROM windows
            GROUP BY kerbside_id, zone_number, is_parked, since_ms, known_ms, run_ms
        )
    )
)
GROUP BY kerbside_id, zone_number, is_parked, since_ms, known_ms;
