-- The first keys of each kind of change: change, key. The key of a link is that of its person or post, and the trust.
-- Reads: the temporary table "difference". Writes: nothing. Parameter: size, how many keys of each kind.

WITH keyed AS (
    SELECT
        difference.change,
        coalesce(
            to_jsonb(difference) ->> 'id', to_jsonb(difference) ->> 'person_id', to_jsonb(difference) ->> 'post_id'
        ) AS key,
        to_jsonb(difference) ->> 'trust_id' AS trust
    FROM difference
),

numbered AS (
    SELECT
        keyed.change,
        concat_ws(' trust ', keyed.key, keyed.trust) AS key,
        row_number() OVER (PARTITION BY keyed.change ORDER BY keyed.key::bigint, keyed.trust::bigint) AS position
    FROM keyed
)

SELECT
    numbered.change,
    numbered.key
FROM numbered
WHERE numbered.position <= %(size)s
ORDER BY numbered.change, numbered.position;
