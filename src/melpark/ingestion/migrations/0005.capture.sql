-- What capture needs of its own: a table that tells the connector what to do, one that it writes to so that its slot
-- moves while the captured tables are idle, and the record of what it may have missed. May run twice.
CREATE SCHEMA IF NOT EXISTS parking_capture;

-- One row per request to the connector, or mark that it sets around a chunk of an incremental snapshot.
CREATE TABLE IF NOT EXISTS parking_capture.signals (
    id text PRIMARY KEY,
    type text NOT NULL,
    data text
);

-- One row: when the connector last said that it lives.
CREATE TABLE IF NOT EXISTS parking_capture.heartbeat (
    id integer PRIMARY KEY CHECK (id = 1),
    beat_at timestamptz NOT NULL
);

-- One row per time at which changes may have been missed, and the first snapshot. `table_name` is null where every
-- table may lack some; the snapshot that fills the gap has its times here, and `verified_at` says when a
-- reconciliation found the lake equal again.
CREATE TABLE IF NOT EXISTS parking_capture.gaps (
    gap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (
        kind IN ('first_snapshot', 'slot_missing', 'slot_lost', 'slot_ahead', 'snapshot_again', 'topic_missing')
    ),
    table_name text,
    detail text NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    snapshot_started_at timestamptz,
    snapshot_finished_at timestamptz,
    verified_at timestamptz
);

-- A home that was captured before this table came has had its first snapshot.
INSERT INTO parking_capture.gaps (kind, detail, snapshot_started_at, snapshot_finished_at, verified_at)
SELECT 'first_snapshot', 'before this record began', now(), now(), now()
WHERE EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = 'melpark' AND database = current_database())
    AND NOT EXISTS (SELECT FROM parking_capture.gaps);

DO $$
DECLARE
    missing text;
BEGIN
    FOR missing IN
        SELECT name FROM unnest(ARRAY['signals', 'heartbeat']) AS name
        WHERE NOT EXISTS (
            SELECT FROM pg_publication_tables
            WHERE pubname = 'melpark' AND schemaname = 'parking_capture' AND tablename = name
        )
    LOOP
        EXECUTE format('ALTER PUBLICATION melpark ADD TABLE parking_capture.%I', missing);
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA parking_capture TO melpark_loader, melpark_capture, melpark_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA parking_capture TO melpark_loader, melpark_capture, melpark_reader;
GRANT INSERT, DELETE ON parking_capture.signals TO melpark_capture, melpark_loader;
GRANT INSERT, UPDATE ON parking_capture.heartbeat TO melpark_capture;
GRANT INSERT, UPDATE ON parking_capture.gaps TO melpark_loader;
