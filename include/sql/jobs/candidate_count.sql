-- Candidates of a field update. Reads: the temporary table "candidate". Writes: nothing.

SELECT count(*) AS existing FROM candidate;
