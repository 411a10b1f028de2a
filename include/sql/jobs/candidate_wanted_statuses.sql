-- Job 8, dry run: the candidates with the status that a real run would give them, in key order.
-- Reads: candidate. Writes: nothing.

SELECT
    candidate.id,
    candidate.status
FROM candidate
ORDER BY candidate.id;
