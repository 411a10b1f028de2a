-- Jobs 7 and 8: how many candidates there are. Reads: candidate. Writes: nothing.

SELECT count(*) AS existing FROM candidate;
