-- name: melpark-alerts
-- version: 3
-- What somebody should look at, raised and cleared (docs/live.md). Times are milliseconds.
{% from 'macros.sql.jinja' import ms, at, kafka, upserts with context %}
{% set never = 'CAST(NULL AS BIGINT)' %}

CREATE TEMPORARY TABLE occupancy (
    place_kind STRING,
    place STRING,
    window_kind STRING,
    window_start_at TIMESTAMP_LTZ(3),
    window_end_at TIMESTAMP_LTZ(3),
    online_seconds DOUBLE,
    occupancy_percent DOUBLE
) WITH (
    {{ kafka(topics.occupancy, start) }}
);

CREATE TEMPORARY TABLE polls (
    op STRING,
    `after` ROW<
        dataset STRING, outcome STRING, observed_at TIMESTAMP_LTZ(3), feed_updated_at TIMESTAMP_LTZ(3),
        received_at TIMESTAMP_LTZ(3), origin STRING
    >
) WITH (
    {{ kafka(topics.polls, start) }}
);

-- The connector speaks every ten seconds, also when nobody polls.
CREATE TEMPORARY TABLE heartbeats (
    ts_ms BIGINT
) WITH (
    {{ kafka(topics.heartbeats, start) }}
);

CREATE TEMPORARY TABLE deadlines (
    kerbside_id STRING,
    zone_number INT,
    is_parked BOOLEAN,
    since_ms BIGINT,
    breach_ms BIGINT,
    end_ms BIGINT,
    known_ms BIGINT
) WITH (
    {{ kafka(topics.deadlines, none) }}
);

CREATE TEMPORARY TABLE alerts (
    {{ columns.alerts }},
    PRIMARY KEY (alert_id) NOT ENFORCED
) WITH (
    {{ upserts(topics.alerts, is_each=true) }}
);

-- ---- Zones: the five-minute windows, each as it was first published, in their order.

CREATE TEMPORARY VIEW zone_windows AS
SELECT zone, start_ms, end_ms, online_seconds, occupancy_percent, arrived
FROM (
    SELECT *, LAG(newest_ms, 1) OVER (PARTITION BY zone ORDER BY arrived) AS before_ms
    FROM (
        SELECT *, MAX(start_ms) OVER (PARTITION BY zone ORDER BY arrived) AS newest_ms
        FROM (
            SELECT
                place AS zone,
                {{ ms('window_start_at') }} AS start_ms,
                {{ ms('window_end_at') }} AS end_ms,
                online_seconds,
                occupancy_percent,
                PROCTIME() AS arrived
            FROM occupancy
            WHERE place_kind = 'zone' AND window_kind = 'tumbling_5'
        )
    )
)
WHERE before_ms IS NULL OR start_ms > before_ms;

-- Each row twice: as full or not, and as quiet or not. What is neither bad nor good changes nothing.
CREATE TEMPORARY VIEW judged AS
SELECT
    zone, kind, end_ms, is_bad, is_good, measured, arrived,
    -- Bad without a break since here.
    COALESCE(
        MAX(CASE WHEN NOT is_bad THEN end_ms END) OVER here,
        MIN(start_ms) OVER here
    ) AS bad_since_ms
FROM (
    SELECT *, PROCTIME() AS arrived
    FROM (
        SELECT
            zone, 'zone_full' AS kind, start_ms, end_ms,
            COALESCE(occupancy_percent >= {{ full_percent }}, FALSE) AS is_bad,
            COALESCE(occupancy_percent < {{ clear_percent }}, TRUE) AS is_good,
            occupancy_percent AS measured
        FROM zone_windows
        UNION ALL
        SELECT
            zone, 'zone_quiet', start_ms, end_ms, online_seconds = 0, online_seconds > 0, CAST(NULL AS DOUBLE)
        FROM zone_windows
    )
)
WINDOW here AS (PARTITION BY zone, kind ORDER BY arrived);

-- Raised by a bad time that is long enough, and until something good comes: between the two thresholds it stays.
CREATE TEMPORARY VIEW zone_states AS
SELECT
    *,
    COALESCE(LAG(is_raised, 1) OVER (PARTITION BY zone, kind ORDER BY arrived), FALSE) AS was_raised
FROM (
    SELECT
        *,
        COALESCE(set_ms > reset_ms, set_ms IS NOT NULL) AS is_raised
    FROM (
        SELECT
            zone, kind, end_ms, bad_since_ms, measured, arrived,
            MAX(CASE
                WHEN is_bad AND end_ms - bad_since_ms >= CASE kind
                    WHEN 'zone_full' THEN {{ full_ms }} ELSE {{ quiet_ms }} END THEN end_ms
            END) OVER here AS set_ms,
            MAX(CASE WHEN is_good THEN end_ms END) OVER here AS reset_ms
        FROM judged
        WINDOW here AS (PARTITION BY zone, kind ORDER BY arrived)
    )
);

CREATE TEMPORARY VIEW zone_alerts AS
SELECT
    kind, zone, is_raised, end_ms, measured,
    LAST_VALUE(CASE WHEN is_raised AND NOT was_raised THEN end_ms END)
        OVER (PARTITION BY zone, kind ORDER BY arrived) AS raised_ms
FROM zone_states
WHERE is_raised <> was_raised;

-- ---- The feed: silent when, by the source's clock, nothing was heard of it for too long.

CREATE TEMPORARY VIEW feed_states AS
SELECT
    *,
    COALESCE(LAG(is_quiet, 1) OVER (ORDER BY arrived), FALSE) AS was_quiet
FROM (
    SELECT
        feed_ms, arrived,
        observed_ms + CAST((GREATEST(now_ms, received_ms) - received_ms) * {{ speed }} AS BIGINT) - feed_ms
            >= {{ feed_quiet_ms }} AS is_quiet,
        observed_ms + CAST((GREATEST(now_ms, received_ms) - received_ms) * {{ speed }} AS BIGINT) - feed_ms
            AS silence_ms
    FROM (
        SELECT
            MAX(feed_ms) OVER everything AS feed_ms,
            MAX(observed_ms) OVER everything AS observed_ms,
            MAX(received_ms) OVER everything AS received_ms,
            MAX(now_ms) OVER everything AS now_ms,
            arrived
        FROM (
            SELECT *, PROCTIME() AS arrived
            FROM (
                SELECT
                    {{ ms('`after`.feed_updated_at') }} AS feed_ms,
                    {{ ms('`after`.observed_at') }} AS observed_ms,
                    {{ ms('`after`.received_at') }} AS received_ms,
                    {{ ms('`after`.received_at') }} AS now_ms
                FROM polls
                WHERE
                    op <> 'd' AND `after`.dataset = '{{ dataset }}' AND `after`.outcome = 'accepted'
                    AND `after`.origin = 'live'
                UNION ALL
                SELECT {{ never }}, {{ never }}, {{ never }}, ts_ms
                FROM heartbeats
            )
        )
        WINDOW everything AS (ORDER BY arrived)
    )
    WHERE feed_ms IS NOT NULL
);

CREATE TEMPORARY VIEW feed_alerts AS
SELECT
    is_quiet, feed_ms, silence_ms,
    LAST_VALUE(CASE WHEN is_quiet THEN feed_ms + {{ feed_quiet_ms }} END) OVER (ORDER BY arrived) AS raised_ms
FROM feed_states
WHERE is_quiet <> was_quiet;

-- ---- Overstays: a vehicle that stands where it was, and is over, when the feed less its lag is known to that time.

{% set vehicle %}
ROW<zone_number INT, is_parked BOOLEAN, since_ms BIGINT, breach_ms BIGINT, end_ms BIGINT, known_ms BIGINT>
{%- endset %}
CREATE TEMPORARY VIEW vehicles AS
SELECT
    kerbside_id,
    CAST(ROW(zone_number, is_parked, since_ms, breach_ms, end_ms, known_ms) AS {{ vehicle }}) AS vehicle,
    PROCTIME() AS arrived
FROM deadlines
-- What an older version of that job has told has no end.
WHERE breach_ms IS NULL OR end_ms IS NOT NULL;

CREATE TEMPORARY VIEW known_bays AS
SELECT kerbside_id
FROM (
    SELECT kerbside_id, ROW_NUMBER() OVER (PARTITION BY kerbside_id ORDER BY arrived) AS number
    FROM vehicles
)
WHERE number = 1;

CREATE TEMPORARY VIEW polled_bays AS
SELECT /*+ STATE_TTL('p' = '{{ ttl }}') */
    b.kerbside_id, p.clock_ms
FROM (
    SELECT {{ ms('`after`.feed_updated_at') }} - {{ feed_lag_ms }} AS clock_ms
    FROM polls
    WHERE
        op <> 'd' AND `after`.dataset = '{{ dataset }}' AND `after`.outcome = 'accepted'
        AND `after`.origin = 'live'
) AS p, known_bays AS b;

CREATE TEMPORARY VIEW overstays AS
SELECT
    *,
    -- The stay's own name: since when it has been worth an alert.
    CASE
        WHEN vehicle.breach_ms + {{ overstay_ms }} <= clock_ms AND clock_ms < vehicle.since_ms + {{ suspect_after_ms }}
            THEN vehicle.breach_ms + {{ overstay_ms }}
    END AS raised_ms
FROM (
    SELECT
        kerbside_id, arrived,
        LAST_VALUE(vehicle) OVER bay AS vehicle,
        MAX(clock_ms) OVER bay AS clock_ms
    FROM (
        SELECT *, PROCTIME() AS arrived
        FROM (
            SELECT kerbside_id, vehicle, {{ never }} AS clock_ms FROM vehicles
            UNION ALL
            SELECT kerbside_id, CAST(NULL AS {{ vehicle }}), clock_ms FROM polled_bays
        )
    )
    WINDOW bay AS (PARTITION BY kerbside_id ORDER BY arrived)
);

CREATE TEMPORARY VIEW overstay_states AS
SELECT
    kerbside_id, vehicle, clock_ms, raised_ms,
    LAG(raised_ms, 1) OVER bay AS before_raised_ms,
    LAG(vehicle, 1) OVER bay AS before_vehicle
FROM overstays
WINDOW bay AS (PARTITION BY kerbside_id ORDER BY arrived);

-- One may end and another begin at once. A vehicle has left when another status is known, else it is no longer known.
CREATE TEMPORARY VIEW overstay_alerts AS
SELECT
    kerbside_id, zone_number, is_raised, raised_ms, cleared_ms,
    -- The clock of the rule stands still when its time is over, though the vehicle stays.
    LEAST(COALESCE(cleared_ms, clock_ms), end_ms) - raised_ms + {{ overstay_ms }} AS over_ms
FROM (
    SELECT
        o.kerbside_id, o.clock_ms, a.is_raised,
        CASE WHEN a.is_raised THEN o.vehicle.end_ms ELSE o.before_vehicle.end_ms END AS end_ms,
        CASE WHEN a.is_raised THEN o.vehicle.zone_number ELSE o.before_vehicle.zone_number END AS zone_number,
        CASE WHEN a.is_raised THEN o.raised_ms ELSE o.before_raised_ms END AS raised_ms,
        CASE
            WHEN a.is_raised THEN {{ never }}
            WHEN o.vehicle.since_ms > o.before_vehicle.since_ms THEN o.vehicle.since_ms
            WHEN o.clock_ms >= o.vehicle.since_ms + {{ suspect_after_ms }} THEN o.vehicle.since_ms + {{ suspect_after_ms }}
            ELSE o.vehicle.known_ms
        END AS cleared_ms
    FROM overstay_states AS o
    CROSS JOIN UNNEST(ARRAY[FALSE, TRUE]) AS a (is_raised)
    WHERE o.raised_ms IS DISTINCT FROM o.before_raised_ms
)
WHERE raised_ms IS NOT NULL;

{% macro named(kind, place, raised_ms) -%}
{{ kind }} || '/' || {{ place }} || '/' || DATE_FORMAT({{ at(raised_ms) }}, 'yyyy-MM-dd''T''HH:mm:ss''Z''')
{%- endmacro %}

INSERT INTO alerts
SELECT
    {{ named('kind', 'zone', 'raised_ms') }},
    kind,
    'zone',
    zone,
    CASE WHEN is_raised THEN 'raised' ELSE 'cleared' END,
    {{ at('raised_ms') }},
    CASE WHEN NOT is_raised THEN {{ at('end_ms') }} END,
    CASE kind WHEN 'zone_full' THEN {{ full_percent }}E0 ELSE {{ quiet_ms }} / 60000.0E0 END,
    measured,
    CASE
        WHEN kind = 'zone_full' AND is_raised
            THEN 'Zone ' || zone || ' has been at least {{ full_percent }} % full for {{ full_minutes }} minutes'
        WHEN kind = 'zone_full' THEN 'Zone ' || zone || ' is below {{ clear_percent }} % full again, or not heard'
        WHEN is_raised THEN 'No sensor of zone ' || zone || ' has been heard for {{ quiet_minutes }} minutes'
        ELSE 'Sensors of zone ' || zone || ' are heard again'
    END
FROM zone_alerts
UNION ALL
SELECT
    {{ named("'overstay'", 'kerbside_id', 'raised_ms') }},
    'overstay',
    'bay',
    kerbside_id,
    CASE WHEN is_raised THEN 'raised' ELSE 'cleared' END,
    {{ at('raised_ms') }},
    {{ at('cleared_ms') }},
    {{ overstay_ms }} / 60000.0E0,
    over_ms / 60000.0E0,
    CASE
        WHEN is_raised
            THEN 'The vehicle in bay ' || kerbside_id || ', zone ' || CAST(zone_number AS STRING)
                || ', has stood there for {{ overstay_minutes }} minutes longer than is permitted'
        ELSE 'The vehicle in bay ' || kerbside_id || ' has left, or nothing more is known of it'
    END
FROM overstay_alerts
UNION ALL
SELECT
    {{ named("'feed_quiet'", "'" ~ city ~ "'", 'raised_ms') }},
    'feed_quiet',
    'city',
    '{{ city }}',
    CASE WHEN is_quiet THEN 'raised' ELSE 'cleared' END,
    {{ at('raised_ms') }},
    CASE WHEN NOT is_quiet THEN {{ at('feed_ms') }} END,
    {{ feed_quiet_ms }} / 60000.0E0,
    silence_ms / 60000.0E0,
    CASE
        WHEN is_quiet THEN 'Nothing new was heard of the feed for {{ feed_quiet_minutes }} minutes'
        ELSE 'The feed is heard again'
    END
FROM feed_alerts;
