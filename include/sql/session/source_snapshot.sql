-- For the _meta of an index: the snapshot that the build reads, in PostgreSQL's notation (oldest running : next :
-- running transactions), and the version of the server. Reads, writes: nothing.

SELECT
    pg_current_snapshot()::text AS source_snapshot,
    current_setting('server_version') AS server_version;
