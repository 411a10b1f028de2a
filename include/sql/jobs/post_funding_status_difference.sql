-- Job 7: the candidates that are not INACTIVE yet.
-- Reads: candidate, post. Writes: the temporary table "difference" (id, change, is_loss).
-- Each of them is a loss. Many losses at once mean that the fundings are probably broken.

CREATE TEMPORARY TABLE difference ON COMMIT DROP AS
SELECT
    post.id,
    'changed' AS change,
    TRUE AS is_loss
FROM candidate
INNER JOIN post ON candidate.id = post.id
WHERE post.funding_status IS DISTINCT FROM 'INACTIVE';
