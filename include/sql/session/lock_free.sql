-- Frees what lock_take has taken. Reads, writes: advisory locks. Parameters: namespace, name, seconds: the note.

SELECT
    pg_advisory_unlock(%(namespace)s, hashtext(%(name)s)) AS freed,
    pg_advisory_unlock_shared(hashtext(%(name)s), %(seconds)s) AS note_freed;
