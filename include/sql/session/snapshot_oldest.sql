-- The oldest transaction that was still running when this snapshot was taken: the snapshot may not show what that one,
-- or a later one, has written. And the oldest multixact that a row may still have. Both as text, because the driver
-- does not know the types.
-- Reads: pg_database. Writes: nothing.

SELECT
    pg_snapshot_xmin(pg_current_snapshot())::xid::text AS since,
    pg_database.datminmxid::text AS oldest_multixact
FROM pg_database
WHERE pg_database.datname = current_database();
