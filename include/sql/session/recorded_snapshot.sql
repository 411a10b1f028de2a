-- The oldest transaction that a snapshot in the _meta of an index may not have seen, how many transactions have begun
-- since, and the cluster and its timeline now (session/source_snapshot.sql). Reads, writes: nothing.
-- Parameter: snapshot, in PostgreSQL's notation. The id is text, because the driver does not know the type.

SELECT
    pg_snapshot_xmin(%(snapshot)s::pg_snapshot)::xid::text AS since,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    - pg_snapshot_xmin(%(snapshot)s::pg_snapshot)::text::bigint AS transactions,
    concat(cluster.system_identifier, '/', checkpoint.timeline_id) AS source_timeline
FROM pg_control_system() AS cluster
CROSS JOIN pg_control_checkpoint() AS checkpoint;
