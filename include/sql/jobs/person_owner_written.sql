-- Job 1: how many rows of the difference person_owner has now as they should be. None of them can be gone.
-- Reads: difference, person_owner. Writes: nothing.
-- Fast: reads only rows that differed.

SELECT
    count(*) AS written,
    0 AS gone
FROM difference
LEFT JOIN person_owner ON difference.id = person_owner.id
WHERE
    CASE difference.change
        WHEN 'removed' THEN person_owner.id IS NULL
        ELSE
            person_owner.id IS NOT NULL
            AND person_owner.owner IS NOT DISTINCT FROM difference.owner
            AND person_owner.rule IS NOT DISTINCT FROM difference.rule
    END;
