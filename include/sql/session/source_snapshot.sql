-- The snapshot that a build reads, as PostgreSQL writes it (oldest running : next : running transactions), and the
-- version of the server: for _meta of the index. Reads, writes: nothing.

SELECT
    pg_current_snapshot()::text AS source_snapshot,
    current_setting('server_version') AS server_version;
