-- Tables that the jobs use and that several schemas of the search path have: name, schemas. A copy in the first schema
-- would hide the application's table. Reads: pg_class, pg_namespace. Writes: nothing. Parameter: used.

SELECT
    pg_class.relname AS name,
    string_agg(pg_namespace.nspname, ' and ' ORDER BY array_position(current_schemas(FALSE), pg_namespace.nspname))
        AS schemas
FROM pg_class
INNER JOIN pg_namespace ON pg_class.relnamespace = pg_namespace.oid
WHERE
    pg_class.relname = any(%(used)s::name[])
    AND pg_namespace.nspname = any(current_schemas(FALSE))
    AND pg_class.relkind IN ('r', 'p', 'v', 'm', 'f')
GROUP BY pg_class.relname
HAVING count(*) > 1
ORDER BY pg_class.relname;
