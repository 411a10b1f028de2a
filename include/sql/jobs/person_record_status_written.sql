-- Job 8: how many rows of the difference have the new status now, and how many the application has removed
-- since the difference was found.
-- Reads: difference, person. Writes: nothing.
-- Fast: reads only rows that differed. They are locked, so nobody else can have changed them since they were written.

SELECT
    count(*) FILTER (WHERE person.status = difference.status) AS written,
    count(*) FILTER (WHERE person.id IS NULL) AS gone
FROM difference
LEFT JOIN person ON difference.id = person.id;
