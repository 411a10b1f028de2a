-- How many rows the job has to add, change and remove; how many of these are losses; and how many are changed without
-- being a loss.
-- Reads: the temporary table "difference". Writes: nothing.
-- Fast: the table has only the rows that differ.

SELECT
    count(*) FILTER (WHERE difference.change = 'added') AS added,
    count(*) FILTER (WHERE difference.change = 'changed') AS changed,
    count(*) FILTER (WHERE difference.change = 'removed') AS removed,
    count(*) FILTER (WHERE difference.is_loss) AS lost,
    count(*) FILTER (WHERE difference.change = 'changed' AND difference.is_loss IS NOT TRUE) AS altered
FROM difference;
