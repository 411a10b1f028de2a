-- Jobs 2 and 3: writes the rows that differ. Reads: difference. Writes: person_trust, only rows of one body.
-- Parameter: body, 'EMPLOYING' or 'TRAINING'.
-- Fast: writes only rows that differ, in key order.

DELETE FROM person_trust
USING difference
WHERE
    difference.change = 'removed'
    AND person_trust.person_id = difference.person_id
    AND person_trust.trust_id = difference.trust_id
    AND person_trust.body = %(body)s;

INSERT INTO person_trust (person_id, trust_id, body)
SELECT
    difference.person_id,
    difference.trust_id,
    %(body)s AS body
FROM difference
WHERE difference.change = 'added'
ORDER BY difference.person_id, difference.trust_id;
