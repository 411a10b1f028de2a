-- Index posts: posts that may have changed since a snapshot. Reads: post, post_trust. Writes: nothing.
-- Parameters: gone, since, oldest_multixact, seen.

SELECT edited.post_id
FROM (
    SELECT
        post.id AS post_id,
        post.xmin AS written_by,
        post.xmax AS removed_by
    FROM post
    UNION ALL
    SELECT
        post_trust.post_id,
        post_trust.xmin,
        post_trust.xmax
    FROM post_trust
) AS edited
WHERE
    CASE
        WHEN %(gone)s
            THEN
                edited.removed_by <> '0'::xid
                AND (
                    (
                        age(edited.removed_by) <= age(%(since)s::xid)
                        AND NOT edited.removed_by = any(%(seen)s::xid[])
                    )
                    OR mxid_age(edited.removed_by) BETWEEN 0 AND mxid_age(%(oldest_multixact)s::xid)
                )
        ELSE age(edited.written_by) BETWEEN 0 AND age(%(since)s::xid) AND NOT edited.written_by = any(%(seen)s::xid[])
    END
ORDER BY edited.post_id
