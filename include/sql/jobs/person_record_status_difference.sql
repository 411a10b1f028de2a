-- Job 8: the candidates whose status is another one.
-- Reads: candidate. Writes: the temporary table "difference" (id, status, change, is_loss).
-- A loss is a person that is CURRENT no more: many at once are what a broken table of memberships looks like.

CREATE TEMPORARY TABLE difference ON COMMIT DROP AS
SELECT
    candidate.id,
    candidate.status,
    'changed' AS change,
    candidate.existing_status = 'CURRENT' AND candidate.status = 'INACTIVE' AS is_loss
FROM candidate
WHERE candidate.existing_status IS DISTINCT FROM candidate.status;
