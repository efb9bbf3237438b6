"""The statements of `sensor_load`, in the order in which they run.

Parameters: observed_at, feed (the feed's time of this poll), previous_feed (that of the accepted polls before),
offline_after, refused_keys.
"""

from melpark.contracts import SENSORS, Column, Type

SEEN_COLUMNS = tuple(
    column for column in SENSORS.columns if column.name not in ("is_online", "is_retired", "observed_at")
)

CHANGES = "sensor_changes"
CHANGES_COLUMNS = (
    *SEEN_COLUMNS,
    Column("reported_heard_at", Type.TIMESTAMP, "`lastupdated` in this poll"),
    Column("previous_heard_at", Type.TIMESTAMP, "Last heard before this poll; null for a new bay"),
    Column("previous_changed_at", Type.TIMESTAMP, "status_changed_at before"),
    Column("previous_zone_number", Type.INTEGER, "Zone before; of a new bay, as now"),
    Column("previous_longitude", Type.DOUBLE, "Likewise"),
    Column("previous_latitude", Type.DOUBLE, "Likewise"),
    Column("is_new", Type.BOOLEAN, "Not known before"),
    Column("is_kept", Type.BOOLEAN, "The answer holds a good record of it"),
    Column("was_online", Type.BOOLEAN, "is_online before"),
    Column("was_retired", Type.BOOLEAN, "is_retired before"),
    Column("is_online", Type.BOOLEAN, "is_online now"),
    Column("is_retired", Type.BOOLEAN, "is_retired now"),
    Column("revived_at", Type.TIMESTAMP, "Where a new stretch online begins, if one does"),
)

TAKE_OUT_CONTRADICTIONS = """
DELETE FROM seen_sensors AS seen
USING parking.sensors AS known
WHERE known.kerbside_id = seen.kerbside_id
    AND (
        seen.status_changed_at < known.status_changed_at
        OR (seen.status_changed_at = known.status_changed_at AND seen.status <> known.status)
    )
RETURNING
    seen.record_number,
    seen.kerbside_id,
    CASE WHEN seen.status_changed_at < known.status_changed_at
        THEN 'time_runs_backwards' ELSE 'status_contradicts' END
"""

# A bay whose record is missing or was refused was last heard when it was heard before. A stretch online cannot
# begin before the bay's last state, which is already told.
FIND_CHANGES = f"""
WITH compared AS (
    SELECT
        kerbside_id,
        coalesce(seen.status, known.status) AS status,
        coalesce(seen.status_changed_at, known.status_changed_at) AS status_changed_at,
        CASE WHEN seen.kerbside_id IS NULL THEN known.zone_number ELSE seen.zone_number END AS zone_number,
        coalesce(seen.longitude, known.longitude) AS longitude,
        coalesce(seen.latitude, known.latitude) AS latitude,
        CASE WHEN seen.kerbside_id IS NULL THEN known.extra ELSE seen.extra END AS extra,
        seen.heard_at AS reported_heard_at,
        CASE WHEN known.kerbside_id IS NOT NULL
            THEN coalesce(known.heard_at, %(previous_feed)s::timestamptz) END AS previous_heard_at,
        known.status_changed_at AS previous_changed_at,
        CASE WHEN known.kerbside_id IS NULL THEN seen.zone_number ELSE known.zone_number END
            AS previous_zone_number,
        coalesce(known.longitude, seen.longitude) AS previous_longitude,
        coalesce(known.latitude, seen.latitude) AS previous_latitude,
        known.kerbside_id IS NULL AS is_new,
        seen.kerbside_id IS NOT NULL AS is_kept,
        seen.kerbside_id IS NULL AND kerbside_id <> ALL (%(refused_keys)s::text[]) AS is_missing,
        coalesce(known.is_online, false) AS was_online,
        coalesce(known.is_retired, false) AS was_retired
    FROM parking.sensors AS known
    FULL JOIN seen_sensors AS seen USING (kerbside_id)
), heard AS (
    SELECT *, greatest(reported_heard_at, previous_heard_at) AS heard_at
    FROM compared
), judged AS (
    SELECT
        *,
        is_missing OR (was_retired AND NOT is_kept) AS is_retired,
        greatest(
            heard_at,
            (SELECT max(valid_from_at) FROM parking.sensor_states AS state
             WHERE state.kerbside_id = heard.kerbside_id AND NOT was_online AND NOT is_new)
        ) AS online_from_at
    FROM heard
), revived AS (
    SELECT
        *,
        NOT is_retired AND heard_at + %(offline_after)s > %(feed)s AS is_online,
        CASE
            WHEN is_new THEN heard_at
            WHEN heard_at = previous_heard_at THEN NULL
            WHEN was_online THEN CASE
                WHEN heard_at > previous_heard_at + %(offline_after)s
                    AND previous_heard_at < %(previous_feed)s THEN heard_at END
            WHEN heard_at + %(offline_after)s > online_from_at THEN online_from_at
        END AS revived_at
    FROM judged
)
INSERT INTO sensor_changes ({", ".join(column.name for column in CHANGES_COLUMNS)})
SELECT {", ".join(column.name for column in CHANGES_COLUMNS)}
FROM revived
"""  # noqa: S608

MAKE_EVENT_PARTS = """
SELECT parking.make_event_parts(array_agg(DISTINCT date_trunc('month', status_changed_at)))
FROM sensor_changes
WHERE is_kept AND (is_new OR status_changed_at > previous_changed_at)
"""

# A `lastupdated` that ran backwards says nothing new of when the bay was heard.
ADD_EVENTS = """
INSERT INTO parking.sensor_events
    (kerbside_id, status_changed_at, status, observed_at, heard_at, previous_heard_at, origin)
SELECT
    kerbside_id, status_changed_at, status, %(observed_at)s, heard_at, previous_heard_at, 'live'
FROM sensor_changes
WHERE is_kept AND (is_new OR status_changed_at > previous_changed_at)
ON CONFLICT DO NOTHING
"""

# The steps of one bay, oldest first: a hole ends one stretch online, the next begins, it ends, and what became
# known with this poll (another zone or place, retired or back) holds from the feed's time on. Of steps that
# fall on one instant the last one counts.
ADD_STATES = """
WITH steps AS (
    SELECT kerbside_id, 1 AS step, previous_heard_at + %(offline_after)s AS valid_from_at, false AS is_online
    FROM sensor_changes
    WHERE was_online AND revived_at IS NOT NULL
    UNION ALL
    SELECT kerbside_id, 2, revived_at, true
    FROM sensor_changes
    WHERE revived_at IS NOT NULL
    UNION ALL
    SELECT kerbside_id, 3, heard_at + %(offline_after)s, false
    FROM sensor_changes
    WHERE (was_online OR revived_at IS NOT NULL) AND heard_at + %(offline_after)s <= %(feed)s
    UNION ALL
    SELECT kerbside_id, 4, %(feed)s, is_online
    FROM sensor_changes
    WHERE (longitude, latitude, zone_number)
            IS DISTINCT FROM (previous_longitude, previous_latitude, previous_zone_number)
        OR (is_retired AND NOT was_retired)
        OR (was_retired AND NOT is_retired AND revived_at IS NULL)
)
INSERT INTO parking.sensor_states AS state
    (kerbside_id, valid_from_at, is_online, zone_number, longitude, latitude, is_retired, observed_at, origin)
SELECT DISTINCT ON (kerbside_id, valid_from_at)
    kerbside_id,
    valid_from_at,
    steps.is_online,
    CASE WHEN step = 4 THEN change.zone_number ELSE change.previous_zone_number END,
    CASE WHEN step = 4 THEN change.longitude ELSE change.previous_longitude END,
    CASE WHEN step = 4 THEN change.latitude ELSE change.previous_latitude END,
    step = 4 AND change.is_retired,
    %(observed_at)s,
    'live'
FROM steps
JOIN sensor_changes AS change USING (kerbside_id)
ORDER BY kerbside_id, valid_from_at, step DESC
ON CONFLICT (kerbside_id, valid_from_at) DO UPDATE SET
    is_online = excluded.is_online,
    zone_number = excluded.zone_number,
    longitude = excluded.longitude,
    latitude = excluded.latitude,
    is_retired = excluded.is_retired,
    observed_at = excluded.observed_at,
    origin = excluded.origin
"""

ADD_OUTAGE = """
INSERT INTO parking.feed_outages (start_at, end_at, observed_at, origin)
SELECT %(previous_feed)s::timestamptz + %(offline_after)s, %(feed)s, %(observed_at)s, 'live'
WHERE %(feed)s > %(previous_feed)s::timestamptz + %(offline_after)s
ON CONFLICT DO NOTHING
"""

UPDATE_SENSORS = """
WITH now AS (
    SELECT
        kerbside_id, status, status_changed_at, zone_number, longitude, latitude, is_online, is_retired,
        nullif(heard_at, %(feed)s) AS heard_at, extra
    FROM sensor_changes
    WHERE NOT is_new
)
UPDATE parking.sensors AS known
SET (status, status_changed_at, zone_number, longitude, latitude, is_online, is_retired, heard_at, extra,
        observed_at)
    = ROW (now.status, now.status_changed_at, now.zone_number, now.longitude, now.latitude, now.is_online,
        now.is_retired, now.heard_at, now.extra, %(observed_at)s)
FROM now
WHERE known.kerbside_id = now.kerbside_id
    AND ROW (known.status, known.status_changed_at, known.zone_number, known.longitude, known.latitude,
            known.is_online, known.is_retired, known.heard_at, known.extra)
        IS DISTINCT FROM ROW (now.status, now.status_changed_at, now.zone_number, now.longitude, now.latitude,
            now.is_online, now.is_retired, now.heard_at, now.extra)
"""

INSERT_SENSORS = """
INSERT INTO parking.sensors
    (kerbside_id, status, status_changed_at, zone_number, longitude, latitude, is_online, is_retired, heard_at,
        observed_at, extra)
SELECT
    kerbside_id, status, status_changed_at, zone_number, longitude, latitude, is_online, is_retired,
    nullif(heard_at, %(feed)s), %(observed_at)s, extra
FROM sensor_changes
WHERE is_new
"""
