-- How many rows of the temporary table "difference" are to be added, changed, removed; and how many lose something.
-- Reads: difference. Writes: nothing. Fast: the table holds only what differs.

SELECT
    count(*) FILTER (WHERE difference.change = 'added') AS added,
    count(*) FILTER (WHERE difference.change = 'changed') AS changed,
    count(*) FILTER (WHERE difference.change = 'removed') AS removed,
    count(*) FILTER (WHERE difference.is_loss) AS lost
FROM difference;
