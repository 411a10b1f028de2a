-- Job 1: how many rows person_owner has. Reads: person_owner. Writes: nothing.

SELECT count(*) AS existing FROM person_owner;
