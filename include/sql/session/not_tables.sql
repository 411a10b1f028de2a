-- Views and foreign tables in the place of the tables that the jobs use: name, kind (docs/domain.md, "Tables").
-- A view, a materialized view or a foreign table can hide rows, and the edits of their rows cannot be found.
-- Reads: pg_class. Writes: nothing.

SELECT
    pg_class.oid::regclass::text AS name,
    CASE pg_class.relkind
        WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view'
        ELSE 'foreign table'
    END AS kind
FROM unnest(%(used)s::text[]) AS wanted (name)
INNER JOIN pg_class ON to_regclass(wanted.name) = pg_class.oid
WHERE pg_class.relkind NOT IN ('r', 'p')
ORDER BY wanted.name;
