-- The oldest transaction that was still running when this snapshot was taken: what it, or a later one, has written
-- is not seen. And the oldest multixact that may still be in a row. As text, since no driver knows the types.
-- Reads: pg_database. Writes: nothing.

SELECT
    pg_snapshot_xmin(pg_current_snapshot())::xid::text AS since,
    pg_database.datminmxid::text AS oldest_multixact
FROM pg_database
WHERE pg_database.datname = current_database();
