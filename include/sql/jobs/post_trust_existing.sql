-- Jobs 4 and 5: how many rows post_trust has for one body. Reads: post_trust. Writes: nothing. Parameter: body.

SELECT count(*) AS existing FROM post_trust
WHERE post_trust.body = %(body)s;
