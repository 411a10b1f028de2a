-- Jobs 2 and 3: the rows of person_trust, for one body, that are not as they should be
-- (docs/domain.md, "2, 3 PersonPlacement…TrustJob").
-- Reads: placement, person, post, person_trust.
-- Writes: the temporary table "difference" (person_id, trust_id, change, is_loss).
-- Parameter: body, 'EMPLOYING' or 'TRAINING'; the planner evaluates the CASE over it, which costs nothing per row.
-- Fast: hash joins read each table once, and one full join finds both directions of the difference. Several placements
-- may give the same pair; DISTINCT is applied only to the rows that differ, which are few.

CREATE TEMPORARY TABLE difference ON COMMIT DROP AS
WITH post_body AS (
    SELECT
        post.id,
        CASE %(body)s WHEN 'EMPLOYING' THEN post.employing_body_id ELSE post.training_body_id END AS trust_id
    FROM post
),

wanted AS (
    SELECT
        person.id AS person_id,
        post_body.trust_id
    FROM placement
    INNER JOIN person ON placement.trainee_id = person.id
    INNER JOIN post_body ON placement.post_id = post_body.id
    WHERE post_body.trust_id IS NOT NULL
),

existing AS (
    SELECT
        person_trust.person_id,
        person_trust.trust_id
    FROM person_trust
    WHERE person_trust.body = %(body)s
)

SELECT DISTINCT
    coalesce(wanted.person_id, existing.person_id) AS person_id,
    coalesce(wanted.trust_id, existing.trust_id) AS trust_id,
    CASE WHEN existing.person_id IS NULL THEN 'added' ELSE 'removed' END AS change,
    wanted.person_id IS NULL AS is_loss
FROM wanted
FULL JOIN existing ON wanted.person_id = existing.person_id AND wanted.trust_id = existing.trust_id
WHERE wanted.person_id IS NULL OR existing.person_id IS NULL;
