-- Job 8: the candidates whose existing status differs from the one they should have.
-- Reads: candidate. Writes: the temporary table "difference" (id, status, change, is_loss).
-- A loss is a person that is no longer CURRENT. Many losses at once mean that the memberships are probably broken.

CREATE TEMPORARY TABLE difference ON COMMIT DROP AS
SELECT
    candidate.id,
    candidate.status,
    'changed' AS change,
    candidate.existing_status = 'CURRENT' AND candidate.status = 'INACTIVE' AS is_loss
FROM candidate
WHERE candidate.existing_status IS DISTINCT FROM candidate.status;
