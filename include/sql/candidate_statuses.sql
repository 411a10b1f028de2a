-- Job 8: the candidates and the status that the database now has for them, in key order.
-- Reads: candidate, person. Writes: nothing.
-- Parameter: dry_run: the status that the database would have instead.

SELECT
    person.id,
    CASE WHEN %(dry_run)s THEN candidate.status ELSE person.status END AS status
FROM candidate
INNER JOIN person ON candidate.id = person.id
ORDER BY person.id;
