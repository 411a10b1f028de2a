-- Exports the snapshot of this transaction: a second connection can use it until this transaction ends.
-- Reads, writes: nothing.

SELECT pg_export_snapshot() AS snapshot_name;
