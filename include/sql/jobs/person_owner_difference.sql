-- Job 1: the rows of person_owner that differ from what the rules give (docs/domain.md, "1 PersonOwnerRebuildJob").
-- Reads: person, programme_membership, programme, placement, post, person_owner.
-- Writes: the temporary table "difference" (id, owner, rule, change, is_loss).
-- Parameter: run_date.
-- Fast: one sort per rule, of the candidates of that rule only, finds the first candidate of each person, before
-- anything is joined to persons. Reading a source once per rule costs less than materializing it. Without the setting
-- below, the planner would read the candidates in person order and look up each post in a nested loop. Hash joins and
-- sorts, which can run in parallel workers, take two thirds of that time.
-- Rules are evaluated independently, because a membership whose dates are swapped can match two of them.
-- A loss is a row that is removed, an owner that becomes NULL, or an owner that now comes from a placement instead of a
-- membership, or the reverse. Many losses at once mean that a source is probably empty, even if the other source still
-- gives an owner.

SET LOCAL enable_nestloop = off;

CREATE TEMPORARY TABLE difference ON COMMIT DROP AS
WITH membership AS NOT MATERIALIZED (
    SELECT
        programme_membership.person_id,
        programme_membership.uuid,
        programme_membership.programme_start_date AS starts,
        programme_membership.programme_end_date AS ends,
        programme.owner
    FROM programme_membership
    INNER JOIN programme ON programme_membership.programme_id = programme.id
),

post_placement AS NOT MATERIALIZED (
    SELECT
        placement.trainee_id AS person_id,
        placement.id,
        placement.date_from AS starts,
        placement.date_to AS ends,
        post.owner
    FROM placement
    INNER JOIN post ON placement.post_id = post.id
),

first_candidate AS (
    (
        SELECT DISTINCT ON (membership.person_id)
            membership.person_id,
            'P1' AS rule,
            membership.owner
        FROM membership
        WHERE membership.starts <= %(run_date)s AND membership.ends >= %(run_date)s
        ORDER BY membership.person_id, membership.starts, membership.uuid
    )
    UNION ALL
    (
        SELECT DISTINCT ON (post_placement.person_id)
            post_placement.person_id,
            'P2' AS rule,
            post_placement.owner
        FROM post_placement
        WHERE post_placement.starts <= %(run_date)s AND post_placement.ends >= %(run_date)s
        ORDER BY post_placement.person_id, post_placement.starts, post_placement.id
    )
    UNION ALL
    (
        SELECT DISTINCT ON (membership.person_id)
            membership.person_id,
            'P5' AS rule,
            membership.owner
        FROM membership
        WHERE membership.starts > %(run_date)s
        ORDER BY membership.person_id, membership.starts, membership.uuid
    )
    UNION ALL
    (
        SELECT DISTINCT ON (post_placement.person_id)
            post_placement.person_id,
            'P6' AS rule,
            post_placement.owner
        FROM post_placement
        WHERE post_placement.starts > %(run_date)s
        ORDER BY post_placement.person_id, post_placement.starts, post_placement.id
    )
    UNION ALL
    (
        SELECT DISTINCT ON (membership.person_id)
            membership.person_id,
            'P7' AS rule,
            membership.owner
        FROM membership
        WHERE membership.ends < %(run_date)s
        ORDER BY membership.person_id ASC, membership.ends DESC, membership.uuid ASC
    )
    UNION ALL
    (
        SELECT DISTINCT ON (post_placement.person_id)
            post_placement.person_id,
            'P8' AS rule,
            post_placement.owner
        FROM post_placement
        WHERE post_placement.ends < %(run_date)s
        ORDER BY post_placement.person_id ASC, post_placement.ends DESC, post_placement.id ASC
    )
),

winner AS (
    SELECT DISTINCT ON (first_candidate.person_id)
        first_candidate.person_id,
        first_candidate.rule,
        first_candidate.owner
    FROM first_candidate
    WHERE first_candidate.owner IS NOT NULL
    ORDER BY first_candidate.person_id, first_candidate.rule
),

wanted AS (
    SELECT
        person.id,
        winner.owner,
        winner.rule
    FROM person
    LEFT JOIN winner ON person.id = winner.person_id
)

SELECT
    coalesce(wanted.id, existing.id) AS id,
    wanted.owner,
    wanted.rule,
    CASE
        WHEN existing.id IS NULL THEN 'added'
        WHEN wanted.id IS NULL THEN 'removed'
        ELSE 'changed'
    END AS change,
    wanted.id IS NULL
    OR existing.owner IS NOT NULL AND wanted.owner IS NULL
    OR (existing.rule IN ('P1', 'P5', 'P7')) <> (wanted.rule IN ('P1', 'P5', 'P7')) AS is_loss
FROM wanted
FULL JOIN person_owner AS existing ON wanted.id = existing.id
WHERE
    wanted.id IS NULL
    OR existing.id IS NULL
    OR wanted.owner IS DISTINCT FROM existing.owner
    OR wanted.rule IS DISTINCT FROM existing.rule;

SET LOCAL enable_nestloop TO DEFAULT;
