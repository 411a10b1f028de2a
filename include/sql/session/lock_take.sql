-- Takes an advisory lock of the jobs and notes the time. Returns noted (NULL if another session holds the lock) and the
-- time in seconds since 2020.
-- The note is a second, shared lock whose key is the time, because pg_locks does not show since when a lock is held and
-- pg_stat_activity only shows when its session began. PostgreSQL frees both locks when the session ends.
-- Reads, writes: advisory locks. Parameters: namespace, name.

SELECT
    CASE
        WHEN pg_try_advisory_lock(%(namespace)s, hashtext(%(name)s))
            THEN pg_try_advisory_lock_shared(hashtext(%(name)s), clock.seconds)
    END AS noted,
    clock.seconds
FROM (SELECT extract(EPOCH FROM statement_timestamp() - timestamptz '2020-01-01 00:00:00+00')::int AS seconds) AS clock;
