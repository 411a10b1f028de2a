-- Jobs 2 and 3: how many rows person_trust has now for one body, and how many rows of the whole table this
-- transaction has written: a trigger may have written other rows than the job.
-- Reads: person_trust. Writes: nothing. Parameter: body, 'EMPLOYING' or 'TRAINING'.
-- Fast: one scan, only in a run that writes.

SELECT
    count(*) FILTER (WHERE person_trust.body = %(body)s) AS existing,
    count(*) FILTER (WHERE person_trust.xmin = pg_current_xact_id()::xid) AS written
FROM person_trust;
