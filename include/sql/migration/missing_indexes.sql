-- The columns of setup/indexes.sql that no valid index begins with, whatever its name: table, column.
-- Reads: the catalogue. Writes: nothing.

SELECT
    wanted.name,
    wanted.field
FROM (
    VALUES
    ('programme_membership', 'person_id'),
    ('curriculum_membership', 'programme_membership_uuid'),
    ('placement', 'trainee_id'),
    ('placement_specialty', 'placement_id'),
    ('post_funding', 'end_date'),
    ('post_funding', 'post_id'),
    ('programme_membership', 'programme_start_date'),
    ('programme_membership', 'programme_end_date')
) AS wanted (name, field)
INNER JOIN pg_attribute
    ON to_regclass(wanted.name) = pg_attribute.attrelid AND wanted.field = pg_attribute.attname
WHERE
    NOT EXISTS (
        SELECT 1
        FROM pg_index
        INNER JOIN pg_class ON pg_index.indexrelid = pg_class.oid
        INNER JOIN pg_am ON pg_class.relam = pg_am.oid
        WHERE
            pg_index.indrelid = pg_attribute.attrelid
            AND pg_index.indkey[0] = pg_attribute.attnum
            AND pg_index.indisvalid
            AND pg_index.indpred IS NULL
            AND pg_am.amname = 'btree'
    )
ORDER BY wanted.name, wanted.field;
