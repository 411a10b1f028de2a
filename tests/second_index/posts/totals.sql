-- Index posts: what it must hold. Reads: post, post_trust. Writes: nothing. Parameter: run_date (not used).

SELECT
    count(*) AS documents,
    coalesce(sum(trust.items), 0)::bigint AS trusts
FROM post
LEFT JOIN (
    SELECT
        post_trust.post_id,
        count(DISTINCT post_trust.trust_id) AS items
    FROM post_trust
    GROUP BY post_trust.post_id
) AS trust ON post.id = trust.post_id;
