-- Rows of post_trust that belong to one body. Reads: post_trust. Writes: nothing. Parameter: body.

SELECT count(*) AS existing FROM post_trust
WHERE post_trust.body = %(body)s;
