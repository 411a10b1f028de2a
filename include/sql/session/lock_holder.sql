-- Who holds an advisory lock of the jobs: since when (session/lock_take.sql notes the time), and the application_name
-- and process id of the session.
-- Reads: pg_locks, pg_stat_activity. Writes: nothing. Parameters: namespace, name.

WITH held AS (
    SELECT
        pg_locks.pid,
        pg_locks.classid,
        pg_locks.objid
    FROM pg_locks
    WHERE
        pg_locks.locktype = 'advisory'
        AND pg_locks.granted
        AND pg_locks.objsubid = 2
        AND pg_locks.database = (
            SELECT pg_database.oid FROM pg_database
            WHERE pg_database.datname = current_database()
        )
),

keyed AS (
    SELECT (hashtext(%(name)s)::bigint & 4294967295)::oid AS name_key
)

SELECT
    to_char(
        (timestamptz '2020-01-01 00:00:00+00' + make_interval(secs => note.objid::bigint)) AT TIME ZONE 'UTC',
        'YYYY-MM-DD HH24:MI:SS "UTC"'
    ) AS since,
    activity.application_name,
    held.pid
FROM keyed
INNER JOIN held ON held.classid = %(namespace)s AND keyed.name_key = held.objid
LEFT JOIN held AS note ON held.pid = note.pid AND keyed.name_key = note.classid
LEFT JOIN pg_stat_activity AS activity ON held.pid = activity.pid;
