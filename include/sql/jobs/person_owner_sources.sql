-- Job 1: for each source of owners, how many owners come from it, and how many of them would get another value from it
-- (docs/design.md, "Guard rails"). Each source is counted separately, because one that gives few owners can be
-- overwritten while nearly all rows stay the same. A new rule with the same owner does not count; a switch of the
-- source counts as a loss instead.
-- Reads: difference, person_owner. Writes: nothing.
-- Fast: one scan of person_owner, only in a night with more changes than are always allowed.

WITH sourced AS (
    SELECT
        person_owner.id,
        person_owner.owner,
        CASE WHEN person_owner.rule IN ('P1', 'P5', 'P7') THEN 'memberships' ELSE 'placements' END AS source
    FROM person_owner
    WHERE person_owner.rule IS NOT NULL
)

SELECT
    'person_owner from ' || sourced.source AS part,
    count(*) AS existing,
    count(*) FILTER (
        WHERE difference.change = 'changed' AND NOT difference.is_loss AND difference.owner <> sourced.owner
    ) AS changed
FROM sourced
LEFT JOIN difference ON sourced.id = difference.id
GROUP BY sourced.source
ORDER BY sourced.source;
