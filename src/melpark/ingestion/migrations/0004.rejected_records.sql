-- Deletes the refused records of before `older_than` (our clock) and returns how many; the loader may not delete.
CREATE OR REPLACE FUNCTION parking.drop_old_rejects(older_than timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH dropped AS (
        DELETE FROM parking.rejected_records WHERE rejected_at < older_than RETURNING 1
    )
    SELECT count(*) FROM dropped
$$;

REVOKE ALL ON FUNCTION parking.drop_old_rejects FROM PUBLIC;
GRANT EXECUTE ON FUNCTION parking.drop_old_rejects TO melpark_loader;
