-- Whether this session has the lock that session/lock_take.sql has taken, and its note. Reads: pg_locks.
-- Writes: nothing. Parameters: namespace, name; seconds, the time that lock_take has returned.

SELECT count(*) = 2 AS held
FROM pg_locks
WHERE
    pg_locks.pid = pg_backend_pid()
    AND pg_locks.locktype = 'advisory'
    AND pg_locks.objsubid = 2
    AND (pg_locks.classid, pg_locks.objid) IN (
        (%(namespace)s::bigint::oid, (hashtext(%(name)s)::bigint & 4294967295)::oid),
        ((hashtext(%(name)s)::bigint & 4294967295)::oid, %(seconds)s::bigint::oid)
    );
