-- What this role cannot do, but must: object, permission (docs/domain.md, "Tables"). The permission is "exist" if
-- the table is missing.
-- Reads: the catalogue. Writes: nothing.

WITH wanted AS (
    SELECT
        tables.name,
        permissions.permission
    FROM unnest(%(used)s::text[]) AS tables (name)
    CROSS JOIN (VALUES ('SELECT')) AS permissions (permission)
    UNION ALL
    SELECT
        tables.name,
        permissions.permission
    FROM unnest(%(written)s::text[]) AS tables (name)
    CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE')) AS permissions (permission)
),

field AS (
    SELECT
        fields.name,
        fields.field
    FROM (VALUES ('person', 'status'), ('post', 'funding_status')) AS fields (name, field)
),

missing AS (
    SELECT
        wanted.name,
        CASE WHEN to_regclass(wanted.name) IS NULL THEN 'exist' ELSE wanted.permission END AS permission
    FROM wanted
    WHERE NOT coalesce(has_table_privilege(to_regclass(wanted.name), wanted.permission), FALSE)
    UNION
    SELECT
        concat(field.name, '.', field.field) AS name,
        'UPDATE' AS permission
    FROM field
    WHERE
        to_regclass(field.name) IS NOT NULL
        AND NOT has_column_privilege(to_regclass(field.name), field.field, 'UPDATE')
    UNION
    SELECT
        concat('database ', current_database()) AS name,
        'TEMPORARY' AS permission
    WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
)

SELECT
    missing.name,
    missing.permission
FROM missing
ORDER BY missing.name, missing.permission;
