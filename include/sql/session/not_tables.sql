-- Views and foreign tables in the place of the tables that the jobs use, or of their partitions: name, kind
-- (docs/domain.md, "Tables").
-- A view, a materialized view or a foreign table can hide rows, and the edits of their rows cannot be found.
-- Reads: pg_class, pg_inherits. Writes: nothing. Parameter: used.

WITH RECURSIVE read AS (
    SELECT to_regclass(wanted.name)::oid AS id
    FROM unnest(%(used)s::text[]) AS wanted (name)
    UNION
    SELECT pg_inherits.inhrelid AS id
    FROM read
    INNER JOIN pg_inherits ON read.id = pg_inherits.inhparent
)

SELECT
    pg_class.oid::regclass::text AS name,
    CASE pg_class.relkind
        WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view'
        ELSE 'foreign table'
    END AS kind
FROM read
INNER JOIN pg_class ON read.id = pg_class.oid
WHERE pg_class.relkind NOT IN ('r', 'p')
ORDER BY name;
