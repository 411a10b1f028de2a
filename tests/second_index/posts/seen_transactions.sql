-- Index posts: transactions in the bounds of this snapshot whose rows it sees. Reads: post, post_trust.
-- Writes: nothing. Parameters: since, until.

SELECT seen.transaction_id::text
FROM (
    SELECT post.xmin AS transaction_id
    FROM post
    WHERE age(post.xmin) > age(%(until)s::xid) AND age(post.xmin) <= age(%(since)s::xid)
    UNION
    SELECT post_trust.xmin AS transaction_id
    FROM post_trust
    WHERE age(post_trust.xmin) > age(%(until)s::xid) AND age(post_trust.xmin) <= age(%(since)s::xid)
) AS seen
