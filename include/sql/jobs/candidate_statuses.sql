-- Job 8: the candidates with their current status in the database, in key order.
-- Reads: candidate, person. Writes: nothing.

SELECT
    person.id,
    person.status
FROM candidate
INNER JOIN person ON candidate.id = person.id
ORDER BY person.id;
