-- Job 7: how many rows of the difference have the new funding_status now, and how many the application has removed
-- since the difference was found.
-- Reads: difference, post. Writes: nothing.
-- Fast: reads only rows that differed. They are locked, so nobody else can have changed them since they were written.

SELECT
    count(*) FILTER (WHERE post.funding_status = 'INACTIVE') AS written,
    count(*) FILTER (WHERE post.id IS NULL) AS gone
FROM difference
LEFT JOIN post ON difference.id = post.id;
