-- Job 7: the candidates that are not INACTIVE yet.
-- Reads: candidate, post. Writes: the temporary table "difference" (id, change, is_loss).

CREATE TEMPORARY TABLE difference ON COMMIT DROP AS
SELECT
    post.id,
    'changed' AS change,
    FALSE AS is_loss
FROM candidate
INNER JOIN post ON candidate.id = post.id
WHERE post.funding_status IS DISTINCT FROM 'INACTIVE';
