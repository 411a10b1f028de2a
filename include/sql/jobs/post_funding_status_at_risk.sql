-- Job 7: how many posts are not INACTIVE now, and how many posts there are. The guard rail compares losses with the
-- first number.
-- Reads: post. Writes: nothing.
-- It scans the whole table, so it runs only if there are more losses than are always allowed.

SELECT
    count(*) FILTER (WHERE post.funding_status IS DISTINCT FROM 'INACTIVE') AS at_risk,
    count(*) AS existing
FROM post;
