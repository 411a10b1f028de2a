-- Job 8, dry run: the candidates and the status that the database would have for them, in key order.
-- Reads: candidate. Writes: nothing.

SELECT
    candidate.id,
    candidate.status
FROM candidate
ORDER BY candidate.id;
