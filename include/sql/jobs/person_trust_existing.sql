-- Rows of person_trust that belong to one body. Reads: person_trust. Writes: nothing. Parameter: body.

SELECT count(*) AS existing FROM person_trust
WHERE person_trust.body = %(body)s;
