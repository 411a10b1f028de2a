-- Jobs 4 and 5: writes the rows that differ. Reads: difference. Writes: post_trust, only rows of one body.
-- Parameter: body, 'EMPLOYING' or 'TRAINING'.
-- Fast: writes only rows that differ, in key order.

DELETE FROM post_trust
USING difference
WHERE
    difference.change = 'removed'
    AND post_trust.post_id = difference.post_id
    AND post_trust.trust_id = difference.trust_id
    AND post_trust.body = %(body)s;

INSERT INTO post_trust (post_id, trust_id, body)
SELECT
    difference.post_id,
    difference.trust_id,
    %(body)s AS body
FROM difference
WHERE difference.change = 'added'
ORDER BY difference.post_id, difference.trust_id;
