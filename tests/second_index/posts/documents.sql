-- Index posts: its documents as finished bulk lines, in the order of the post's id.
-- Reads: post, post_trust. Writes: nothing. Parameters: run_date (not used), keys.

WITH document AS (
    SELECT
        post.id,
        concat(
            '{"postId":', post.id,
            ',"nationalPostNumber":' || json_scalar(post.national_post_number)::text,
            ',"status":' || json_scalar(post.status)::text,
            ',"trusts":[', trust.items, ']}'
        ) AS content
    FROM post
    LEFT JOIN (
        SELECT
            post_trust.post_id,
            string_agg(DISTINCT '{"trustId":' || post_trust.trust_id || '}', ',') AS items
        FROM post_trust
        GROUP BY post_trust.post_id
    ) AS trust ON post.id = trust.post_id
    WHERE %(keys)s::bigint[] IS NULL OR post.id = any(%(keys)s::bigint[])
    ORDER BY post.id
)

SELECT
    '{"index":{"_id":"' || document.id || '-' || to_hex(hashtextextended(document.content, 0)) || E'"}}\n'
    || document.content || E'\n'
FROM document
