-- Takes a lock of the jobs, and notes since when: taken, and the note. NULL: another session has it.
-- The note is a second lock, shared, whose key is the time: pg_locks tells of a lock that is held not since when,
-- and pg_stat_activity knows only when its session began. Both are gone with the session.
-- Reads, writes: advisory locks. Parameters: namespace, name.

SELECT
    CASE
        WHEN pg_try_advisory_lock(%(namespace)s, hashtext(%(name)s))
            THEN pg_try_advisory_lock_shared(hashtext(%(name)s), clock.seconds)
    END AS noted,
    clock.seconds
FROM (SELECT extract(EPOCH FROM statement_timestamp() - timestamptz '2020-01-01 00:00:00+00')::int AS seconds) AS clock;
