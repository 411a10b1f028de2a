-- Job 8: how many persons are CURRENT now, and how many persons there are. The guard rail compares losses with the
-- first number and other changes with the second, not with the number of candidates, because most candidates change on
-- any night.
-- Reads: person. Writes: nothing.
-- It scans the whole table, so it runs only if there are more losses or changes than are always allowed.

SELECT
    count(*) FILTER (WHERE person.status = 'CURRENT') AS at_risk,
    count(*) AS existing
FROM person;
