-- Job 8: writes the statuses that differ. Reads: difference. Writes: person.status.
-- Rows are locked in key order first, so that two writers cannot deadlock.

WITH locked AS (
    SELECT
        person.id,
        difference.status
    FROM person
    INNER JOIN difference ON person.id = difference.id
    ORDER BY person.id
    FOR NO KEY UPDATE OF person
)

UPDATE person
SET status = locked.status
FROM locked
WHERE person.id = locked.id;
