-- Job 7: writes the statuses that differ. Reads: difference. Writes: post.funding_status.
-- Rows are locked in key order first, so that two writers cannot deadlock.

WITH locked AS (
    SELECT post.id
    FROM post
    INNER JOIN difference ON post.id = difference.id
    ORDER BY post.id
    FOR NO KEY UPDATE OF post
)

UPDATE post
SET funding_status = 'INACTIVE'
FROM locked
WHERE post.id = locked.id;
