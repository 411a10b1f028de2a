-- Frees both locks that session/lock_take.sql has taken. Reads, writes: advisory locks.
-- Parameters: namespace, name; seconds, the time that lock_take has returned.

SELECT
    pg_advisory_unlock(%(namespace)s, hashtext(%(name)s)) AS freed,
    pg_advisory_unlock_shared(hashtext(%(name)s), %(seconds)s) AS note_freed;
