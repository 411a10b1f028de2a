-- Job 7: what the guard rail measures a loss against: all posts that are not INACTIVE now.
-- Reads: post, all of it: asked only when in doubt. Writes: nothing.

SELECT count(*) AS at_risk FROM post
WHERE post.funding_status IS DISTINCT FROM 'INACTIVE';
