-- Job 7: the candidates that are not INACTIVE yet.
-- Reads: candidate, post. Writes: the temporary table "difference" (id, change, is_loss).
-- Each is a loss: many at once are what a broken table of fundings looks like.

CREATE TEMPORARY TABLE difference ON COMMIT DROP AS
SELECT
    post.id,
    'changed' AS change,
    TRUE AS is_loss
FROM candidate
INNER JOIN post ON candidate.id = post.id
WHERE post.funding_status IS DISTINCT FROM 'INACTIVE';
