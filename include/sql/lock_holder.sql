-- Who holds an advisory lock of the jobs: start of the session, its application_name, its process.
-- Reads: pg_locks, pg_stat_activity. Writes: nothing.

SELECT
    activity.backend_start::timestamptz (0)::text AS since,
    activity.application_name,
    held.pid
FROM pg_locks AS held
LEFT JOIN pg_stat_activity AS activity ON held.pid = activity.pid
WHERE
    held.locktype = 'advisory'
    AND held.granted
    AND held.database = (
        SELECT pg_database.oid FROM pg_database
        WHERE pg_database.datname = current_database()
    )
    AND held.classid = %(namespace)s
    AND held.objid = (hashtext(%(name)s)::bigint & 4294967295)::oid
    AND held.objsubid = 2;
