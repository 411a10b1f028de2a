-- Jobs 4 and 5: how many rows post_trust has now for one body, and how many rows of the whole table this
-- transaction has written: a trigger may have written other rows than the job.
-- Reads: post_trust. Writes: nothing. Parameter: body, 'EMPLOYING' or 'TRAINING'.
-- Fast: one scan, only in a run that writes.

SELECT
    count(*) FILTER (WHERE post_trust.body = %(body)s) AS existing,
    count(*) FILTER (WHERE post_trust.xmin = pg_current_xact_id()::xid) AS written
FROM post_trust;
