-- The invalid indexes of the tables that the jobs read: index, table, and the process that is building an index of
-- this table now. Without such a process, an interrupted CREATE INDEX CONCURRENTLY has left the index behind: every
-- write to the table maintains it, and no query uses it.
-- Reads: the catalogue, pg_locks, pg_stat_progress_create_index. Its relid is NULL for the sessions of other roles, but
-- pg_locks shows the lock that CREATE INDEX CONCURRENTLY holds on the table. Writes: nothing.

SELECT
    pg_index.indexrelid::regclass::text AS name,
    pg_index.indrelid::regclass::text AS table_name,
    building.pid
FROM unnest(%(used)s::text[]) AS wanted (name)
INNER JOIN pg_index ON to_regclass(wanted.name) = pg_index.indrelid
LEFT JOIN (
    SELECT
        pg_locks.relation,
        min(pg_locks.pid) AS pid
    FROM pg_locks
    INNER JOIN pg_stat_progress_create_index AS progress ON pg_locks.pid = progress.pid
    WHERE
        pg_locks.locktype = 'relation'
        AND pg_locks.mode = 'ShareUpdateExclusiveLock'
        AND progress.datname = current_database()
        AND pg_locks.database = progress.datid
    GROUP BY pg_locks.relation
) AS building ON pg_index.indrelid = building.relation
WHERE NOT pg_index.indisvalid
ORDER BY name;
