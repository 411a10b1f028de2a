-- Job 1: writes the rows that differ. Reads: difference. Writes: person_owner.
-- Fast: writes only rows that differ, in key order.

DELETE FROM person_owner
USING difference
WHERE person_owner.id = difference.id AND difference.change = 'removed';

INSERT INTO person_owner AS existing (id, owner, rule)
SELECT
    difference.id,
    difference.owner,
    difference.rule
FROM difference
WHERE difference.change IN ('added', 'changed')
ORDER BY difference.id
ON CONFLICT (id) DO UPDATE
    SET owner = excluded.owner, rule = excluded.rule;
