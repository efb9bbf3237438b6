-- The rule calendar as data. Columns are described in melpark.contracts; a test holds the two together.
CREATE TABLE IF NOT EXISTS parking.rule_windows (
    zone_number integer NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL CHECK (end_at >= start_at),
    code text NOT NULL,
    limit_minutes integer CHECK (limit_minutes >= 0),
    kind text NOT NULL CHECK (
        kind IN ('timed', 'free', 'loading', 'disability', 'paid', 'no-stopping', 'unknown')
    ),
    is_metered boolean NOT NULL,
    is_ambiguous boolean NOT NULL,
    clock_start_at timestamptz NOT NULL CHECK (clock_start_at <= start_at),
    observed_at timestamptz NOT NULL,
    PRIMARY KEY (zone_number, start_at, code)
);

CREATE TABLE IF NOT EXISTS parking.rule_versions (
    zone_number integer NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL CHECK (end_at >= start_at),
    is_current boolean NOT NULL,
    plates jsonb NOT NULL,
    observed_at timestamptz NOT NULL,
    PRIMARY KEY (zone_number, start_at)
);

ALTER TABLE parking.rule_windows REPLICA IDENTITY FULL;
ALTER TABLE parking.rule_versions REPLICA IDENTITY FULL;

DO $$
DECLARE
    missing text;
BEGIN
    FOR missing IN
        SELECT name FROM unnest(ARRAY['rule_windows', 'rule_versions']) AS name
        WHERE NOT EXISTS (
            SELECT FROM pg_publication_tables
            WHERE pubname = 'melpark' AND schemaname = 'parking' AND tablename = name
        )
    LOOP
        EXECUTE format('ALTER PUBLICATION melpark ADD TABLE parking.%I', missing);
    END LOOP;
END
$$;

GRANT SELECT ON parking.rule_windows, parking.rule_versions TO melpark_loader, melpark_capture, melpark_reader;
GRANT INSERT, UPDATE ON parking.rule_windows, parking.rule_versions TO melpark_loader;
