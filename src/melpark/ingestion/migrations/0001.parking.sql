-- The system of record. Columns are described in melpark.contracts; a test holds the two together.
-- May run twice: a kill can fall between a migration's commit and the note that it was applied.
CREATE SCHEMA IF NOT EXISTS parking;

CREATE TABLE IF NOT EXISTS parking.sensors (
    kerbside_id text PRIMARY KEY,
    status text NOT NULL CHECK (status IN ('Present', 'Unoccupied')),
    status_changed_at timestamptz NOT NULL,
    zone_number integer,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL,
    is_online boolean NOT NULL,
    is_retired boolean NOT NULL,
    heard_at timestamptz,
    observed_at timestamptz NOT NULL,
    extra jsonb
);

CREATE TABLE IF NOT EXISTS parking.sensor_events (
    kerbside_id text NOT NULL,
    status_changed_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('Present', 'Unoccupied')),
    observed_at timestamptz NOT NULL,
    heard_at timestamptz NOT NULL,
    previous_heard_at timestamptz,
    origin text NOT NULL CHECK (origin IN ('live', 'seed')),
    PRIMARY KEY (kerbside_id, status_changed_at)
);

CREATE TABLE IF NOT EXISTS parking.sensor_states (
    kerbside_id text NOT NULL,
    valid_from_at timestamptz NOT NULL,
    is_online boolean NOT NULL,
    zone_number integer,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL,
    is_retired boolean NOT NULL,
    observed_at timestamptz NOT NULL,
    origin text NOT NULL CHECK (origin IN ('live', 'seed')),
    PRIMARY KEY (kerbside_id, valid_from_at)
);

CREATE TABLE IF NOT EXISTS parking.feed_outages (
    start_at timestamptz PRIMARY KEY,
    end_at timestamptz NOT NULL CHECK (end_at > start_at),
    observed_at timestamptz NOT NULL,
    origin text NOT NULL CHECK (origin IN ('live', 'seed'))
);

CREATE TABLE IF NOT EXISTS parking.polls (
    poll_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('accepted', 'refused', 'failed')),
    reason text,
    etag text,
    observed_at timestamptz,
    feed_updated_at timestamptz,
    started_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    body_bytes bigint,
    records integer,
    kept integer,
    changed integer,
    rejected integer,
    origin text NOT NULL CHECK (origin IN ('live', 'seed'))
);
CREATE INDEX IF NOT EXISTS polls_newest ON parking.polls (dataset, poll_id DESC);
CREATE INDEX IF NOT EXISTS polls_newest_observed ON parking.polls (dataset, observed_at) WHERE outcome = 'accepted';
CREATE INDEX IF NOT EXISTS polls_newest_feed ON parking.polls (dataset, feed_updated_at) WHERE outcome = 'accepted';

CREATE TABLE IF NOT EXISTS parking.rejected_records (
    rejected_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    poll_id bigint NOT NULL REFERENCES parking.polls,
    dataset text NOT NULL,
    step text NOT NULL,
    reason text NOT NULL,
    record_key text,
    payload jsonb NOT NULL,
    rejected_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS parking.bays (
    bay_key text PRIMARY KEY,
    kerbside_id text,
    road_segment_id integer,
    road_segment_description text,
    longitude double precision NOT NULL,
    latitude double precision NOT NULL,
    updated_on date,
    is_retired boolean NOT NULL,
    observed_at timestamptz NOT NULL,
    extra jsonb
);

CREATE TABLE IF NOT EXISTS parking.zone_segments (
    zone_number integer NOT NULL,
    segment_id integer NOT NULL,
    street text NOT NULL,
    street_from text,
    street_to text,
    is_retired boolean NOT NULL,
    observed_at timestamptz NOT NULL,
    extra jsonb,
    PRIMARY KEY (zone_number, segment_id)
);

CREATE TABLE IF NOT EXISTS parking.sign_plates (
    zone_number integer NOT NULL,
    days text NOT NULL,
    start_minute integer NOT NULL CHECK (start_minute BETWEEN 0 AND 1440),
    finish_minute integer NOT NULL CHECK (finish_minute BETWEEN 0 AND 1440),
    code text NOT NULL,
    is_retired boolean NOT NULL,
    observed_at timestamptz NOT NULL,
    extra jsonb,
    PRIMARY KEY (zone_number, days, start_minute, finish_minute, code)
);

-- Before images of updates and deletes, for consumers that compare.
ALTER TABLE parking.sensors REPLICA IDENTITY FULL;
ALTER TABLE parking.sensor_events REPLICA IDENTITY FULL;
ALTER TABLE parking.sensor_states REPLICA IDENTITY FULL;
ALTER TABLE parking.feed_outages REPLICA IDENTITY FULL;
ALTER TABLE parking.polls REPLICA IDENTITY FULL;
ALTER TABLE parking.bays REPLICA IDENTITY FULL;
ALTER TABLE parking.zone_segments REPLICA IDENTITY FULL;
ALTER TABLE parking.sign_plates REPLICA IDENTITY FULL;

DROP PUBLICATION IF EXISTS melpark;
CREATE PUBLICATION melpark FOR TABLE
    parking.sensors,
    parking.sensor_events,
    parking.sensor_states,
    parking.feed_outages,
    parking.polls,
    parking.bays,
    parking.zone_segments,
    parking.sign_plates;

GRANT USAGE ON SCHEMA parking TO melpark_loader, melpark_capture, melpark_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA parking TO melpark_loader, melpark_capture, melpark_reader;
GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA parking TO melpark_loader;
