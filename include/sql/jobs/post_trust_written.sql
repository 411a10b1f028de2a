-- Jobs 4 and 5: how many rows of the difference post_trust has now, or no longer has, as it should be.
-- None of them can be gone.
-- Reads: difference, post_trust. Writes: nothing. Parameter: body, 'EMPLOYING' or 'TRAINING'.
-- Fast: reads only rows that differed.

SELECT
    count(*) AS written,
    0 AS gone
FROM difference
LEFT JOIN post_trust
    ON
        difference.post_id = post_trust.post_id
        AND difference.trust_id = post_trust.trust_id
        AND post_trust.body = %(body)s
WHERE (difference.change = 'added') = (post_trust.post_id IS NOT NULL);
