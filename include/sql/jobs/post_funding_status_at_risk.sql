-- Job 7: how many posts are not INACTIVE now. The guard rail compares losses with this number.
-- Reads: post. Writes: nothing.
-- It scans the whole table, so it runs only if there are more losses than are always allowed.

SELECT count(*) AS at_risk FROM post
WHERE post.funding_status IS DISTINCT FROM 'INACTIVE';
