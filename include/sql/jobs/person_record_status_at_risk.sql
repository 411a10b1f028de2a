-- Job 8: how many persons are CURRENT now. The guard rail compares losses with this number, not with the number of
-- candidates, because most candidates change on any night.
-- Reads: person. Writes: nothing.
-- It scans the whole table, so it runs only if there are more losses than are always allowed.

SELECT count(*) AS at_risk FROM person
WHERE person.status = 'CURRENT';
