-- Job 7: the posts whose last funding ended on one of the dates covered
-- (docs/domain.md, "7 PostFundingStatusSyncJob" and "Missed nights").
-- Reads: post_funding, post. Writes: the temporary table "candidate" (id).
-- Parameters: first_date and last_date, the run dates covered. The fundings ended on the day before one of them.
-- "All fundings ended on or before D-1 and one of them ended on D-1" means that the latest end is D-1. So one
-- comparison covers a range of run dates.
-- Fast: reads only the fundings of posts with a funding that ended on one of those days, which indexes find.

DROP TABLE IF EXISTS pg_temp.candidate;

CREATE TEMPORARY TABLE candidate ON COMMIT DROP AS
WITH ended AS (
    SELECT DISTINCT post_funding.post_id
    FROM post_funding
    WHERE
        post_funding.start_date IS NOT NULL
        AND post_funding.end_date BETWEEN %(first_date)s - 1 AND %(last_date)s - 1
)

SELECT post.id
FROM ended
INNER JOIN post ON ended.post_id = post.id
INNER JOIN post_funding ON post.id = post_funding.post_id
GROUP BY post.id
HAVING
    bool_and(post_funding.end_date IS NOT NULL)
    AND max(post_funding.end_date) <= %(last_date)s - 1
    AND max(post_funding.end_date) = max(post_funding.end_date) FILTER (WHERE post_funding.start_date IS NOT NULL);
