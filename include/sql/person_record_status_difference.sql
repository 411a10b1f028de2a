-- Job 8: the candidates whose status is another one.
-- Reads: candidate, person. Writes: the temporary table "difference" (id, status, change, is_loss).

CREATE TEMPORARY TABLE difference ON COMMIT DROP AS
SELECT
    person.id,
    candidate.status,
    'changed' AS change,
    FALSE AS is_loss
FROM candidate
INNER JOIN person ON candidate.id = person.id
WHERE person.status IS DISTINCT FROM candidate.status;
