-- Job 1: how many rows person_owner has now, and how many rows of the whole table this
-- transaction has written: a trigger may have written other rows than the job.
-- Reads: person_owner. Writes: nothing.
-- Fast: one scan, only in a run that writes.

SELECT
    count(*) AS existing,
    count(*) FILTER (WHERE person_owner.xmin = pg_current_xact_id()::xid) AS written
FROM person_owner;
