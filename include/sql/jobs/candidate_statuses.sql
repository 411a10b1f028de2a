-- Job 8: the candidates and the status that the database now has for them, in key order.
-- Reads: candidate, person. Writes: nothing.

SELECT
    person.id,
    person.status
FROM candidate
INNER JOIN person ON candidate.id = person.id
ORDER BY person.id;
