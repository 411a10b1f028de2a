-- Job 8: what the guard rail measures a loss against: all persons that are CURRENT now, not the candidates alone,
-- most of whom change on any night. Reads: person, all of it: asked only when in doubt. Writes: nothing.

SELECT count(*) AS at_risk FROM person
WHERE person.status = 'CURRENT';
