-- name: melpark-occupancy
-- version: 1
-- How full each place was in the windows of the last hours (docs/live.md, ADR 0018).
-- All is a sum of edges: at an instant, so many bays more or fewer of a place count. Times are milliseconds.
{% from 'macros.sql.jinja' import ms, at, kafka, upserts with context %}
{% set never = 'CAST(NULL AS BIGINT)' %}
{% set zero = 'CAST(0 AS BIGINT)' %}
{% set turn = 'ROW<turned_ms BIGINT, changed_ms BIGINT, was_present BOOLEAN, is_present BOOLEAN, uncertain_ms BIGINT>' %}
{% set turns = 'ROW<a ' ~ turn ~ ', b ' ~ turn ~ ', c ' ~ turn ~ ', d ' ~ turn ~ '>' %}
{% set state = 'ROW<from_ms BIGINT, is_online BOOLEAN, is_there BOOLEAN>' %}
{% set states = 'ROW<a ' ~ state ~ ', b ' ~ state ~ ', c ' ~ state ~ ', d ' ~ state ~ '>' %}
{% set silence = 'ROW<from_ms BIGINT, to_ms BIGINT>' %}
{% set silences = 'ROW<a ' ~ silence ~ ', b ' ~ silence ~ '>' %}
{% set place = 'ROW<location STRING, zone STRING, street STRING>' %}

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

-- ---- The clock: polls. A tick is a five-minute boundary that feed_updated_at - feed_lag has reached.

CREATE TEMPORARY VIEW ticks AS
SELECT tick_ms, feed_ms, first_ms
FROM (
    SELECT
        *,
        LAG(tick_ms, 1) OVER (ORDER BY arrived) AS before_ms
    FROM (
        SELECT
            MAX(feed_ms) OVER (ORDER BY arrived) AS feed_ms,
            MIN(feed_ms) OVER (ORDER BY arrived) AS first_ms,
            MAX((feed_ms - {{ feed_lag_ms }}) / {{ slot_ms }} * {{ slot_ms }}) OVER (ORDER BY arrived) AS tick_ms,
            arrived
        FROM (
            SELECT {{ ms('`after`.feed_updated_at') }} AS feed_ms, PROCTIME() AS arrived
            FROM polls
            WHERE
                op <> 'd'
                AND `after`.dataset = '{{ dataset }}'
                AND `after`.outcome = 'accepted'
                AND `after`.origin = 'live'
        )
    )
)
WHERE before_ms IS NULL OR tick_ms > before_ms;

-- ---- What is known of a bay, each kind of fact in the order of its time.

-- Sensors' rows tell how a bay was first found, and how it was before the histories are read.
CREATE TEMPORARY VIEW status_facts AS
SELECT
    kerbside_id, changed_ms, is_present, heard_ms, previous_heard_ms, known_ms, is_history,
    MAX(changed_ms) OVER (PARTITION BY kerbside_id ORDER BY arrived) AS newest_ms,
    arrived
FROM (
    SELECT *, PROCTIME() AS arrived
    FROM (
        SELECT
            `after`.kerbside_id AS kerbside_id,
            {{ ms('`after`.status_changed_at') }} AS changed_ms,
            `after`.status = 'Present' AS is_present,
            {{ ms('`after`.heard_at') }} AS heard_ms,
            {{ ms('`after`.previous_heard_at') }} AS previous_heard_ms,
            {{ ms('`after`.observed_at') }} AS known_ms,
            TRUE AS is_history
        FROM sensor_events
        WHERE op <> 'd' AND `after`.origin = 'live'
        UNION ALL
        SELECT
            `after`.kerbside_id,
            {{ ms('`after`.status_changed_at') }},
            `after`.status = 'Present',
            {{ never }},
            {{ never }},
            {{ ms('`after`.observed_at') }},
            FALSE
        FROM sensors
        WHERE op IN ('c', 'r') OR (op = 'u' AND logged_at < {{ at(start or 0) }})
    )
);

CREATE TEMPORARY VIEW ordered_facts AS
SELECT
    *,
    LAG(newest_ms, 1) OVER (PARTITION BY kerbside_id ORDER BY arrived) AS before_ms
FROM status_facts;

CREATE TEMPORARY VIEW gaps AS
SELECT
    *,
    -- Changes may hide from here on.
    CASE
        WHEN changed_ms >= previous_heard_ms - {{ feed_lag_ms }}
            THEN GREATEST(before_ms, previous_heard_ms - {{ feed_lag_ms }})
        ELSE before_ms
    END AS hides_from_ms,
    COALESCE(
        changed_ms >= previous_heard_ms - {{ feed_lag_ms }} AND heard_ms - previous_heard_ms <= {{ exact_gap_ms }},
        FALSE
    ) AS is_close
FROM (
    SELECT
        *,
        LAG(is_present, 1) OVER (PARTITION BY kerbside_id ORDER BY arrived) AS was_present
    FROM ordered_facts
    WHERE before_ms IS NULL OR changed_ms > before_ms
);

-- A hidden change turns the bay in the middle of the time in which it may hide.
CREATE TEMPORARY VIEW turned AS
SELECT
    kerbside_id, known_ms, arrived, is_history, hides_from_ms,
    CAST(
        ROW(
            CASE WHEN is_present = was_present THEN (hides_from_ms + changed_ms) / 2 ELSE changed_ms END,
            changed_ms,
            was_present,
            is_present,
            CASE WHEN NOT is_close THEN hides_from_ms END
        ) AS {{ turn }}
    ) AS turn
FROM gaps;

CREATE TEMPORARY VIEW turns AS
SELECT
    kerbside_id, known_ms, turn, hides_from_ms,
    CAST(
        ROW(
            turn,
            LAG(turn, 1) OVER (PARTITION BY kerbside_id ORDER BY arrived),
            LAG(turn, 2) OVER (PARTITION BY kerbside_id ORDER BY arrived),
            LAG(turn, 3) OVER (PARTITION BY kerbside_id ORDER BY arrived)
        ) AS {{ turns }}
    ) AS turns
FROM turned;

CREATE TEMPORARY VIEW state_facts AS
SELECT
    kerbside_id, from_ms, known_ms, arrived,
    CAST(ROW(from_ms, is_online, is_there) AS {{ state }}) AS state,
    MAX(from_ms) OVER (PARTITION BY kerbside_id ORDER BY arrived) AS newest_ms
FROM (
    SELECT *, PROCTIME() AS arrived
    FROM (
        SELECT
            `after`.kerbside_id AS kerbside_id,
            {{ ms('`after`.valid_from_at') }} AS from_ms,
            `after`.is_online AND NOT `after`.is_retired AS is_online,
            NOT `after`.is_retired AS is_there,
            {{ ms('`after`.observed_at') }} AS known_ms
        FROM sensor_states
        WHERE op <> 'd'
        UNION ALL
        SELECT
            `after`.kerbside_id,
            {{ ms('`after`.observed_at') }},
            `after`.is_online AND NOT `after`.is_retired,
            NOT `after`.is_retired,
            {{ ms('`after`.observed_at') }}
        FROM sensors
        WHERE op <> 'd' AND logged_at < {{ at(start or 0) }}
    )
);

CREATE TEMPORARY VIEW states AS
SELECT
    kerbside_id, from_ms, known_ms,
    CAST(
        ROW(
            state,
            LAG(state, 1) OVER (PARTITION BY kerbside_id ORDER BY arrived),
            LAG(state, 2) OVER (PARTITION BY kerbside_id ORDER BY arrived),
            LAG(state, 3) OVER (PARTITION BY kerbside_id ORDER BY arrived)
        ) AS {{ states }}
    ) AS states
FROM (
    SELECT *, LAG(newest_ms, 1) OVER (PARTITION BY kerbside_id ORDER BY arrived) AS before_ms
    FROM state_facts
)
WHERE before_ms IS NULL OR from_ms >= before_ms;

CREATE TEMPORARY VIEW silences AS
SELECT
    from_ms, known_ms,
    CAST(ROW(silence, LAG(silence, 1) OVER (ORDER BY arrived)) AS {{ silences }}) AS silences
FROM (
    SELECT
        from_ms, known_ms, PROCTIME() AS arrived,
        CAST(ROW(from_ms, to_ms) AS {{ silence }}) AS silence
    FROM (
        SELECT
            {{ ms('`after`.start_at') }} AS from_ms,
            {{ ms('`after`.end_at') }} AS to_ms,
            {{ ms('`after`.observed_at') }} AS known_ms
        FROM feed_outages
        WHERE op <> 'd' AND `after`.origin = 'live'
    )
);

CREATE TEMPORARY VIEW known_bays AS
SELECT kerbside_id
FROM (
    SELECT kerbside_id, ROW_NUMBER() OVER (PARTITION BY kerbside_id ORDER BY arrived) AS number
    FROM (SELECT kerbside_id, PROCTIME() AS arrived FROM places)
)
WHERE number = 1;

-- ---- One stream per bay: whatever comes, with all that was known before and is known now.

CREATE TEMPORARY VIEW arrivals_of_facts AS
SELECT *, PROCTIME() AS arrived
FROM (
    SELECT
        kerbside_id,
        'status' AS kind,
        -- From here on something counts otherwise than before.
        LEAST(turn.turned_ms, COALESCE(hides_from_ms, turn.turned_ms)) AS from_ms,
        known_ms,
        turns,
        CAST(NULL AS {{ states }}) AS states,
        CAST(NULL AS {{ silences }}) AS silences,
        CAST(NULL AS {{ place }}) AS place,
        {{ never }} AS tick_ms
    FROM turns
    UNION ALL
    SELECT
        kerbside_id, 'state', from_ms, known_ms,
        CAST(NULL AS {{ turns }}), states, CAST(NULL AS {{ silences }}), CAST(NULL AS {{ place }}), {{ never }}
    FROM states
    UNION ALL
    SELECT
        kerbside_id, 'place', valid_from_ms, valid_from_ms,
        CAST(NULL AS {{ turns }}), CAST(NULL AS {{ states }}), CAST(NULL AS {{ silences }}),
        CAST(ROW(location, zone, street) AS {{ place }}), {{ never }}
    FROM places
    UNION ALL
    SELECT /*+ STATE_TTL('s' = '{{ ttl }}') */
        b.kerbside_id, 'silence', s.from_ms, s.known_ms,
        CAST(NULL AS {{ turns }}), CAST(NULL AS {{ states }}), s.silences, CAST(NULL AS {{ place }}), {{ never }}
    FROM silences AS s, known_bays AS b
    UNION ALL
    SELECT /*+ STATE_TTL('t' = '{{ ttl }}') */
        b.kerbside_id, 'tick', {{ zero }}, t.feed_ms,
        CAST(NULL AS {{ turns }}), CAST(NULL AS {{ states }}), CAST(NULL AS {{ silences }}),
        CAST(NULL AS {{ place }}), t.tick_ms
    FROM ticks AS t, known_bays AS b
);

CREATE TEMPORARY VIEW held AS
SELECT
    kerbside_id, kind, from_ms, known_ms, arrived,
    LAST_VALUE(turns) OVER bay AS turns,
    LAST_VALUE(states) OVER bay AS states,
    LAST_VALUE(silences) OVER bay AS silences,
    LAST_VALUE(place) OVER bay AS place,
    MAX(tick_ms) OVER bay AS tick_ms
FROM arrivals_of_facts
WINDOW bay AS (PARTITION BY kerbside_id ORDER BY arrived);

CREATE TEMPORARY VIEW changed AS
SELECT
    kerbside_id, kind, from_ms, known_ms,
    turns AS new_turns,
    states AS new_states,
    silences AS new_silences,
    place AS new_place,
    tick_ms AS new_tick_ms,
    LAG(turns, 1) OVER bay AS old_turns,
    LAG(states, 1) OVER bay AS old_states,
    LAG(silences, 1) OVER bay AS old_silences,
    LAG(place, 1) OVER bay AS old_place,
    LAG(tick_ms, 1) OVER bay AS old_tick_ms
FROM held
WINDOW bay AS (PARTITION BY kerbside_id ORDER BY arrived);

-- ---- Edges: at each instant at which anything turns, what is believed now less what was believed before.

{# Since when a vehicle stands there at an instant; null when none does. #}
{% macro stands_since(of, t) -%}
CASE
{%- for n in 'abcd' %}
    WHEN {{ t }} >= {{ of }}_turns.{{ n }}.changed_ms
        THEN CASE WHEN {{ of }}_turns.{{ n }}.is_present THEN {{ of }}_turns.{{ n }}.changed_ms END
    WHEN {{ t }} >= {{ of }}_turns.{{ n }}.turned_ms
        THEN CASE WHEN NOT {{ of }}_turns.{{ n }}.is_present THEN {{ of }}_turns.{{ n }}.turned_ms END
{%- endfor %}
END
{%- endmacro %}

{% macro is_uncertain(of, t) -%}
(
{%- for n in 'abcd' %}
    {{ 'OR ' if not loop.first }}COALESCE({{ t }} >= {{ of }}_turns.{{ n }}.uncertain_ms
        AND {{ t }} < {{ of }}_turns.{{ n }}.changed_ms, FALSE)
{%- endfor %}
)
{%- endmacro %}

{% macro of_state(of, t, what) -%}
COALESCE(CASE
{%- for n in 'abcd' %}
    WHEN {{ t }} >= {{ of }}_states.{{ n }}.from_ms THEN {{ of }}_states.{{ n }}.{{ what }}
{%- endfor %}
END, FALSE)
{%- endmacro %}

{% macro is_silent(of, t) -%}
(
    COALESCE({{ t }} >= {{ of }}_silences.a.from_ms AND {{ t }} < {{ of }}_silences.a.to_ms, FALSE)
    OR COALESCE({{ t }} >= {{ of }}_silences.b.from_ms AND {{ t }} < {{ of }}_silences.b.to_ms, FALSE)
)
{%- endmacro %}

CREATE TEMPORARY VIEW instants AS
SELECT c.*, p.instant_ms
FROM changed AS c
CROSS JOIN UNNEST(ARRAY_DISTINCT(ARRAY[
    c.from_ms,
{%- for of in ('new', 'old') %}
{%- for n in 'abcd' %}
    c.{{ of }}_turns.{{ n }}.turned_ms,
    c.{{ of }}_turns.{{ n }}.changed_ms,
    c.{{ of }}_turns.{{ n }}.uncertain_ms,
    c.{{ of }}_turns.{{ n }}.turned_ms + {{ suspect_after_ms }},
    c.{{ of }}_turns.{{ n }}.changed_ms + {{ suspect_after_ms }},
    c.{{ of }}_states.{{ n }}.from_ms,
{%- endfor %}
{%- for n in 'ab' %}
    c.{{ of }}_silences.{{ n }}.from_ms,
    c.{{ of }}_silences.{{ n }}.to_ms{{ ',' if not (of == 'old' and n == 'b') }}
{%- endfor %}
{%- endfor %}
])) AS p (instant_ms)
WHERE
    p.instant_ms >= c.from_ms
    AND (
        c.kind <> 'tick'
        -- A vehicle becomes one that stands too long only when its time has come.
        OR (p.instant_ms > c.old_tick_ms AND p.instant_ms <= c.new_tick_ms)
        OR c.old_tick_ms IS NULL
    );

{% set look = 'ROW<since_ms BIGINT, is_uncertain BOOLEAN, is_there BOOLEAN, is_heard BOOLEAN>' %}
CREATE TEMPORARY VIEW looked_at AS
SELECT
    kerbside_id, kind, known_ms, from_ms, instant_ms, new_place, old_place, new_tick_ms, old_tick_ms, PROCTIME() AS arrived,
    -- Vehicles that came and left at the instant, by the newest fact.
    CASE
        WHEN kind <> 'status' THEN 0
        WHEN instant_ms = new_turns.a.changed_ms AND new_turns.a.is_present THEN 1
        WHEN instant_ms = new_turns.a.turned_ms AND NOT new_turns.a.is_present AND NOT new_turns.a.was_present THEN 1
        ELSE 0
    END AS arrivals,
    CASE
        WHEN kind <> 'status' THEN 0
        WHEN instant_ms = new_turns.a.changed_ms AND NOT new_turns.a.is_present AND new_turns.a.was_present IS NOT NULL
            THEN 1
        WHEN instant_ms = new_turns.a.turned_ms AND new_turns.a.is_present AND new_turns.a.was_present THEN 1
        ELSE 0
    END AS departures,
{%- for of in ('new', 'old') %}
{%- for side, t in (('on', 'instant_ms'), ('before', '(instant_ms - 1)')) %}
    CAST(ROW(
        {{ stands_since(of, t) }},
        {{ is_uncertain(of, t) }},
        {{ of_state(of, t, 'is_there') }},
        {{ of_state(of, t, 'is_online') }} AND NOT {{ is_silent(of, t) }}
    ) AS {{ look }}) AS {{ of }}_{{ side }}
    {{- ',' if not (of == 'old' and side == 'before') }}
{%- endfor %}
{%- endfor %}
FROM instants;

-- Each row is its own last value: this only keeps the planner from writing every formula out where it is named.
CREATE TEMPORARY VIEW looks AS
SELECT
    kerbside_id, kind, known_ms, from_ms, instant_ms, new_place, old_place, new_tick_ms, old_tick_ms, arrivals, departures,
    LAST_VALUE(new_on) OVER bay AS new_on,
    LAST_VALUE(new_before) OVER bay AS new_before,
    LAST_VALUE(old_on) OVER bay AS old_on,
    LAST_VALUE(old_before) OVER bay AS old_before
FROM looked_at
WINDOW bay AS (PARTITION BY kerbside_id ORDER BY arrived);

{# Online unless the vehicle has stood there for longer than is believed. #}
{% macro counts(of, side, t) -%}
{{ of }}_{{ side }}.is_heard AND NOT COALESCE(
    {{ of }}_{{ side }}.since_ms + {{ suspect_after_ms }} <= LEAST({{ t }}, {{ of }}_tick_ms), FALSE)
{%- endmacro %}
{% macro number(condition) -%}
CASE WHEN {{ condition }} THEN 1 ELSE 0 END
{%- endmacro %}
{% set count = 'ROW<total INT, online INT, occupied INT, uncertain INT>' %}

-- One column holds it all: what reads a part of it shares the work with what reads the rest.
CREATE TEMPORARY VIEW counted_at AS
SELECT
    kerbside_id,
    PROCTIME() AS arrived,
    CAST(ROW(
        kerbside_id, kind, from_ms, known_ms, instant_ms, new_tick_ms, new_place, old_place, arrivals, departures,
{%- for of in ('new', 'old') %}
{%- for side, t in (('on', 'instant_ms'), ('before', '(instant_ms - 1)')) %}
{%- set apart = '' if side == 'on' else 'instant_ms > from_ms AND ' %}
        ROW(
            {{ number(apart ~ of ~ '_' ~ side ~ '.is_there') }},
            {{ number(apart ~ counts(of, side, t)) }},
            {{ number(apart ~ counts(of, side, t) ~ ' AND ' ~ of ~ '_' ~ side ~ '.since_ms IS NOT NULL') }},
            {{ number(apart ~ counts(of, side, t) ~ ' AND ' ~ of ~ '_' ~ side ~ '.is_uncertain') }}
        ){{ ',' if not (of == 'old' and side == 'before') }}
{%- endfor %}
{%- endfor %}
    ) AS ROW<
        kerbside_id STRING, kind STRING, from_ms BIGINT, known_ms BIGINT, instant_ms BIGINT, tick_ms BIGINT,
        new_place {{ place }}, old_place {{ place }}, arrivals INT, departures INT,
        new_on {{ count }}, new_before {{ count }}, old_on {{ count }}, old_before {{ count }}
    >) AS it
FROM looks;

CREATE TEMPORARY VIEW counted AS
SELECT LAST_VALUE(it) OVER (PARTITION BY kerbside_id ORDER BY arrived) AS it
FROM counted_at;

{% macro kinds(of) -%}
MAP['location', {{ of }}location, 'zone', {{ of }}zone, 'street', {{ of }}street, 'city', '{{ city }}']
{%- endmacro %}

-- A bay that has moved goes from its old place and comes to the new one.
CREATE TEMPORARY VIEW bay_edges AS
SELECT
    s.place, c.instant_ms, c.known_ms,
{%- for what in ('total', 'online', 'occupied', 'uncertain') %}
    CASE
        WHEN c.is_there_still THEN c.new_{{ what }} - c.old_{{ what }}
        WHEN s.is_new THEN c.new_{{ what }}
        ELSE -c.old_{{ what }}
    END AS {{ what }},
{%- endfor %}
    CASE WHEN s.is_new THEN c.arrivals ELSE 0 END AS arrivals,
    CASE WHEN s.is_new THEN c.departures ELSE 0 END AS departures
FROM (
    SELECT
        it.instant_ms AS instant_ms, it.known_ms AS known_ms, it.new_place AS new_place, it.old_place AS old_place,
        COALESCE(it.new_place = it.old_place, FALSE) AS is_there_still,
{%- for what in ('total', 'online', 'occupied', 'uncertain') %}
        it.new_on.{{ what }} - it.new_before.{{ what }} AS new_{{ what }},
        it.old_on.{{ what }} - it.old_before.{{ what }} AS old_{{ what }},
{%- endfor %}
        it.arrivals AS arrivals, it.departures AS departures
    FROM counted
) AS c
CROSS JOIN UNNEST(MAP[TRUE, c.new_place, FALSE, c.old_place]) AS s (is_new, place)
WHERE s.place IS NOT NULL AND (s.is_new OR NOT c.is_there_still);

CREATE TEMPORARY VIEW edges AS
SELECT
    p.place_kind, p.place,
    e.instant_ms, e.known_ms, e.total, e.online, e.occupied, e.uncertain, e.arrivals, e.departures
FROM (
    SELECT *
    FROM bay_edges
    WHERE total <> 0 OR online <> 0 OR occupied <> 0 OR uncertain <> 0 OR arrivals <> 0 OR departures <> 0
) AS e
CROSS JOIN UNNEST({{ kinds('e.place.') }}) AS p (place_kind, place);

CREATE TEMPORARY VIEW known_places AS
SELECT place_kind, place
FROM (
    SELECT
        place_kind, place,
        ROW_NUMBER() OVER (PARTITION BY place_kind, place ORDER BY arrived) AS number
    FROM (
        SELECT k.place_kind, k.place, PROCTIME() AS arrived
        FROM places
        CROSS JOIN UNNEST({{ kinds('') }}) AS k (place_kind, place)
    )
)
WHERE number = 1;

-- ---- One stream per place: edges and ticks, with the levels that all edges so far add up to.

CREATE TEMPORARY VIEW levels AS
SELECT
    place_kind, place, is_tick, instant_ms, known_ms, first_ms,
    total, online, occupied, uncertain, arrivals, departures, arrived,
    SUM(total) OVER here AS total_level,
    SUM(online) OVER here AS online_level,
    SUM(occupied) OVER here AS occupied_level,
    SUM(uncertain) OVER here AS uncertain_level,
    MAX(tick_ms) OVER here AS tick_ms
FROM (
    SELECT *, PROCTIME() AS arrived
    FROM (
        SELECT
            place_kind, place, FALSE AS is_tick, instant_ms, known_ms, {{ never }} AS first_ms,
            total, online, occupied, uncertain, arrivals, departures, {{ never }} AS tick_ms
        FROM edges
        UNION ALL
        SELECT /*+ STATE_TTL('t' = '{{ ttl }}') */
            p.place_kind, p.place, TRUE, t.tick_ms, t.feed_ms, t.first_ms, 0, 0, 0, 0, 0, 0, t.tick_ms
        FROM ticks AS t, known_places AS p
    )
)
WINDOW here AS (PARTITION BY place_kind, place ORDER BY arrived);

CREATE TEMPORARY VIEW steps AS
SELECT
    *,
    LAG(tick_ms, 1) OVER (PARTITION BY place_kind, place ORDER BY arrived) AS before_tick_ms
FROM levels;

-- The windows that a step may touch: those that may still be published again, and those that are not over.
CREATE TEMPORARY VIEW touched AS
SELECT
    *,
    CASE slots WHEN 1 THEN 'tumbling_5' ELSE 'hopping_30' END AS window_kind,
    slots * {{ slot_ms }} AS length_ms,
    start_ms + slots * {{ slot_ms }} AS end_ms
FROM (
    SELECT s.*, MOD(w.start_and_slots, {{ slot_ms }}) AS slots, w.start_and_slots / {{ slot_ms }} * {{ slot_ms }} AS start_ms
    FROM (
        SELECT
            *,
            GREATEST(instant_ms, COALESCE(tick_ms, instant_ms)) / {{ slot_ms }} * {{ slot_ms }} AS newest_ms
        FROM steps
    ) AS s
    CROSS JOIN UNNEST(ARRAY[
{%- for number in range(0, 44) %}
        s.newest_ms - {{ number * slot_ms }} + 1, s.newest_ms - {{ number * slot_ms }} + 6{{ ',' if not loop.last }}
{%- endfor %}
    ]) AS w (start_and_slots)
);

-- What a step adds to a window. When a window closes, the levels fill it; an edge before that takes back what lies
-- before its instant, an edge after that adds what lies after it.
CREATE TEMPORARY VIEW weighed AS
SELECT
    *,
    CASE
        WHEN is_tick THEN length_ms
        WHEN end_ms <= tick_ms THEN end_ms - GREATEST(instant_ms, start_ms)
        ELSE -LEAST(instant_ms - start_ms, length_ms)
    END AS weight_ms,
    CASE
        WHEN is_tick THEN 1
        WHEN end_ms <= tick_ms THEN CASE WHEN instant_ms < end_ms THEN 1 ELSE 0 END
        WHEN instant_ms >= end_ms THEN -1
        ELSE 0
    END AS weight_at_end
FROM touched
WHERE CASE
    WHEN is_tick
        THEN end_ms <= tick_ms
            AND end_ms > COALESCE(before_tick_ms, first_ms)
            AND end_ms > tick_ms - {{ republish_ms }}
            AND start_ms >= first_ms
    WHEN end_ms <= tick_ms THEN instant_ms < end_ms AND end_ms > tick_ms - {{ republish_ms }}
    ELSE start_ms <= instant_ms
END;

CREATE TEMPORARY VIEW shares AS
SELECT
    place_kind, place, window_kind, start_ms, end_ms, known_ms,
    CASE WHEN is_tick THEN 1 ELSE 0 END AS closed,
{%- for what in ('total', 'online', 'occupied', 'uncertain') %}
    CASE WHEN is_tick THEN {{ what }}_level ELSE {{ what }} END * weight_ms AS {{ what }}_ms,
    CASE WHEN is_tick THEN {{ what }}_level ELSE {{ what }} END * weight_at_end AS {{ what }}_at_end,
{%- endfor %}
    CASE WHEN start_ms <= instant_ms AND instant_ms < end_ms THEN arrivals ELSE 0 END AS arrivals,
    CASE WHEN start_ms <= instant_ms AND instant_ms < end_ms THEN departures ELSE 0 END AS departures
FROM weighed;

CREATE TEMPORARY VIEW windows AS
SELECT /*+ STATE_TTL('shares' = '{{ ttl }}') */
    place_kind, place, window_kind, start_ms, end_ms,
    SUM(total_ms) AS total_ms,
    SUM(online_ms) AS online_ms,
    SUM(occupied_ms) AS occupied_ms,
    SUM(uncertain_ms) AS uncertain_ms,
    SUM(total_at_end) AS total_at_end,
    SUM(online_at_end) AS online_at_end,
    SUM(occupied_at_end) AS occupied_at_end,
    SUM(arrivals) AS arrivals,
    SUM(departures) AS departures,
    MAX(known_ms) AS known_ms
FROM shares
GROUP BY place_kind, place, window_kind, start_ms, end_ms
HAVING SUM(closed) > 0;

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
WHERE is_history AND before_ms IS NOT NULL AND (changed_ms < before_ms OR changed_ms < known_ms - {{ republish_ms + feed_lag_ms }});
END;
