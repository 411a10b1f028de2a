-- Rows of person_owner as they are. Reads: person_owner. Writes: nothing.

SELECT count(*) AS existing FROM person_owner;
