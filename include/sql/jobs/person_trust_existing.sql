-- Jobs 2 and 3: how many rows person_trust has for one body. Reads: person_trust. Writes: nothing. Parameter: body.

SELECT count(*) AS existing FROM person_trust
WHERE person_trust.body = %(body)s;
