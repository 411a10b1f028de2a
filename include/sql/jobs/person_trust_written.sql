-- Jobs 2 and 3: how many rows of the difference person_trust has now, or no longer has, as it should be.
-- None of them can be gone.
-- Reads: difference, person_trust. Writes: nothing. Parameter: body, 'EMPLOYING' or 'TRAINING'.
-- Fast: reads only rows that differed.

SELECT
    count(*) AS written,
    0 AS gone
FROM difference
LEFT JOIN person_trust
    ON
        difference.person_id = person_trust.person_id
        AND difference.trust_id = person_trust.trust_id
        AND person_trust.body = %(body)s
WHERE (difference.change = 'added') = (person_trust.person_id IS NOT NULL);
