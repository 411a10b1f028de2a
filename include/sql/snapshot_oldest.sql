-- The oldest transaction that was still running when this snapshot was taken: what it, or a later one, has written
-- is not seen. As text, since no driver knows the type. Reads, writes: nothing.

SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text AS since;
