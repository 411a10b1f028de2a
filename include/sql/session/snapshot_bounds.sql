-- The bounds of this snapshot: it does not show what transactions from until on have written, and it may not show what
-- those from since on, the oldest that was still running, have written. And the oldest multixact that a row may still
-- have. All as text, because the driver does not know the types.
-- Reads: pg_database. Writes: nothing.

SELECT
    pg_snapshot_xmin(pg_current_snapshot())::xid::text AS since,
    pg_snapshot_xmax(pg_current_snapshot())::xid::text AS until,
    pg_database.datminmxid::text AS oldest_multixact
FROM pg_database
WHERE pg_database.datname = current_database();
