-- Jobs 4 and 5: the rows of post_trust, for one body, that are not as they should be
-- (docs/domain.md, "4, 5 Post…TrustJob").
-- Reads: post, post_trust. Writes: the temporary table "difference" (post_id, trust_id, change, is_loss).
-- Parameter: body, 'EMPLOYING' or 'TRAINING'; the planner evaluates the CASE over it, which costs nothing per row.
-- Fast: one full join finds both directions of the difference.

CREATE TEMPORARY TABLE difference ON COMMIT DROP AS
WITH post_body AS (
    SELECT
        post.id AS post_id,
        CASE %(body)s WHEN 'EMPLOYING' THEN post.employing_body_id ELSE post.training_body_id END AS trust_id
    FROM post
),

wanted AS (
    SELECT
        post_body.post_id,
        post_body.trust_id
    FROM post_body
    WHERE post_body.trust_id IS NOT NULL
),

existing AS (
    SELECT
        post_trust.post_id,
        post_trust.trust_id
    FROM post_trust
    WHERE post_trust.body = %(body)s
)

SELECT
    coalesce(wanted.post_id, existing.post_id) AS post_id,
    coalesce(wanted.trust_id, existing.trust_id) AS trust_id,
    CASE WHEN existing.post_id IS NULL THEN 'added' ELSE 'removed' END AS change,
    wanted.post_id IS NULL AS is_loss
FROM wanted
FULL JOIN existing ON wanted.post_id = existing.post_id AND wanted.trust_id = existing.trust_id
WHERE wanted.post_id IS NULL OR existing.post_id IS NULL;
