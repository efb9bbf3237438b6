-- Two more datasets, what the polls say of themselves, and events in parts of a month. May run twice.
CREATE TABLE IF NOT EXISTS parking.bay_restrictions (
    bay_id text NOT NULL,
    slot integer NOT NULL CHECK (slot BETWEEN 1 AND 6),
    device_id text,
    type text NOT NULL,
    description text,
    from_weekday integer NOT NULL CHECK (from_weekday BETWEEN 0 AND 6),
    to_weekday integer NOT NULL CHECK (to_weekday BETWEEN 0 AND 6),
    start_minute integer NOT NULL CHECK (start_minute BETWEEN 0 AND 1440),
    finish_minute integer NOT NULL CHECK (finish_minute BETWEEN 0 AND 1440),
    limit_minutes integer NOT NULL CHECK (limit_minutes >= 0),
    disability_limit_minutes integer CHECK (disability_limit_minutes >= 0),
    is_effective_on_public_holidays boolean,
    exemption text,
    is_retired boolean NOT NULL,
    observed_at timestamptz NOT NULL,
    extra jsonb,
    PRIMARY KEY (bay_id, slot)
);

CREATE TABLE IF NOT EXISTS parking.meters (
    meter_id text PRIMARY KEY,
    barcode text,
    asset_id text,
    accepts_credit_card boolean,
    accepts_tap_and_go boolean,
    location_description text,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL,
    is_retired boolean NOT NULL,
    observed_at timestamptz NOT NULL,
    extra jsonb
);

ALTER TABLE parking.polls ADD COLUMN IF NOT EXISTS finished_at timestamptz;
ALTER TABLE parking.polls ADD COLUMN IF NOT EXISTS body_digest text;
ALTER TABLE parking.polls ADD COLUMN IF NOT EXISTS note text;
ALTER TABLE parking.rejected_records ADD COLUMN IF NOT EXISTS field text;

-- The parts lie in a schema of their own: in `parking` there is one table of events, and nobody names a part.
CREATE SCHEMA IF NOT EXISTS parking_parts;

-- Makes the parts of the months that `moments` fall in. A month of which the part `sensor_events_other` holds rows
-- keeps to it, for a row that moved would look like a delete to those who follow the log.
CREATE OR REPLACE FUNCTION parking.make_event_parts(moments timestamptz[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first_day timestamptz;
    part text;
    made integer := 0;
BEGIN
    FOR first_day IN SELECT DISTINCT date_trunc('month', moment) FROM unnest(moments) AS moment ORDER BY 1 LOOP
        part := 'sensor_events_' || to_char(first_day, 'YYYY_MM');
        CONTINUE WHEN to_regclass('parking_parts.' || part) IS NOT NULL;
        CONTINUE WHEN EXISTS (
            SELECT FROM parking_parts.sensor_events_other
            WHERE status_changed_at >= first_day AND status_changed_at < first_day + interval '1 month'
        );
        EXECUTE format(
            'CREATE TABLE parking_parts.%I PARTITION OF parking.sensor_events FOR VALUES FROM (%L) TO (%L)',
            part, first_day, first_day + interval '1 month'
        );
        EXECUTE format('ALTER TABLE parking_parts.%I REPLICA IDENTITY FULL', part);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

-- Drops the parts whose months ended at or before `older_than`, when every row of them was shown by a poll of
-- `silver_holds` (the newest observed_at of a poll in silver) or earlier. Returns their names.
CREATE OR REPLACE FUNCTION parking.drop_old_events(older_than timestamptz, silver_holds timestamptz) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    part record;
    newest timestamptz;
    dropped text[] := '{}';
BEGIN
    IF older_than IS NULL OR silver_holds IS NULL THEN
        RAISE EXCEPTION 'no event is dropped: what silver holds is not known' USING ERRCODE = 'MP001';
    END IF;
    PERFORM set_config('lock_timeout', '5s', true);
    FOR part IN
        SELECT relname, to_date(right(relname, 7), 'YYYY_MM')::timestamptz + interval '1 month' AS ended_at
        FROM pg_class
        WHERE relnamespace = 'parking_parts'::regnamespace AND relname ~ '^sensor_events_\d{4}_\d{2}$'
        ORDER BY relname
    LOOP
        CONTINUE WHEN part.ended_at > older_than;
        EXECUTE format('SELECT max(observed_at) FROM parking_parts.%I', part.relname) INTO newest;
        IF newest > silver_holds THEN
            RAISE EXCEPTION 'no event is dropped: silver holds the polls up to %, and % holds events of %',
                silver_holds, part.relname, newest USING ERRCODE = 'MP001';
        END IF;
        EXECUTE format('DROP TABLE parking_parts.%I', part.relname);
        dropped := dropped || part.relname::text;
    END LOOP;
    RETURN dropped;
END
$$;

DO $$
BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'parking.sensor_events'::regclass) = 'p' THEN
        RETURN;
    END IF;
    ALTER TABLE parking.sensor_events RENAME TO sensor_events_whole;
    ALTER TABLE parking.sensor_events_whole RENAME CONSTRAINT sensor_events_pkey TO sensor_events_whole_pkey;
    CREATE TABLE parking.sensor_events (
        LIKE parking.sensor_events_whole INCLUDING CONSTRAINTS,
        PRIMARY KEY (kerbside_id, status_changed_at)
    ) PARTITION BY RANGE (status_changed_at);
    CREATE TABLE parking_parts.sensor_events_other PARTITION OF parking.sensor_events DEFAULT;
    ALTER TABLE parking.sensor_events REPLICA IDENTITY FULL;
    ALTER TABLE parking_parts.sensor_events_other REPLICA IDENTITY FULL;
    PERFORM parking.make_event_parts(
        (SELECT array_agg(DISTINCT date_trunc('month', status_changed_at)) FROM parking.sensor_events_whole)
    );
    INSERT INTO parking.sensor_events SELECT * FROM parking.sensor_events_whole;
    DROP TABLE parking.sensor_events_whole;
END
$$;

ALTER TABLE parking.bay_restrictions REPLICA IDENTITY FULL;
ALTER TABLE parking.meters REPLICA IDENTITY FULL;

-- After the rows were moved, so that those who follow the log are not told of them again; and as one table.
ALTER PUBLICATION melpark SET (publish_via_partition_root = true);
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['sensor_events', 'bay_restrictions', 'meters'] LOOP
        IF NOT EXISTS (
            SELECT FROM pg_publication_rel
            WHERE prpubid = (SELECT oid FROM pg_publication WHERE pubname = 'melpark')
                AND prrelid = format('parking.%I', wanted)::regclass
        ) THEN
            EXECUTE format('ALTER PUBLICATION melpark ADD TABLE parking.%I', wanted);
        END IF;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA parking_parts TO melpark_loader, melpark_capture, melpark_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA parking TO melpark_loader, melpark_capture, melpark_reader;
GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA parking TO melpark_loader;
REVOKE ALL ON FUNCTION parking.make_event_parts, parking.drop_old_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION parking.make_event_parts, parking.drop_old_events TO melpark_loader;
