-- Lets a second connection see the state that this one sees, as long as its transaction lasts.
-- Reads, writes: nothing.

SELECT pg_export_snapshot() AS snapshot_name;
