-- For the _meta of an index: the snapshot that the build reads, in PostgreSQL's notation (oldest running : next :
-- running transactions); the cluster and its timeline, in which these numbers have a meaning; and the version of the
-- server. Reads, writes: nothing.

SELECT
    pg_current_snapshot()::text AS source_snapshot,
    concat(cluster.system_identifier, '/', checkpoint.timeline_id) AS source_timeline,
    current_setting('server_version') AS server_version
FROM pg_control_system() AS cluster
CROSS JOIN pg_control_checkpoint() AS checkpoint;
