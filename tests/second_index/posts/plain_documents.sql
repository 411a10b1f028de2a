-- Index posts: the documents of a few posts, by a plain query. Reads: post, post_trust. Writes: nothing.
-- Parameters: run_date (not used), keys.

SELECT
    post.id,
    jsonb_build_object(
        'postId', post.id,
        'nationalPostNumber', post.national_post_number,
        'status', post.status,
        'trusts', (
            SELECT jsonb_agg(DISTINCT jsonb_build_object('trustId', post_trust.trust_id))
            FROM post_trust
            WHERE post_trust.post_id = post.id
        )
    ) AS document
FROM post
WHERE post.id = any(%(keys)s::bigint[]);
