-- Permissions of the role sync_jobs, which the jobs use: read everything, write only what they own
-- (docs/domain.md, "Tables"). The owner of the tables runs this, after job_tables.sql. Before that, an administrator
-- creates the role: CREATE ROLE sync_jobs LOGIN PASSWORD …
-- The jobs use temporary tables. If the owner of the tables does not own the database, PostgreSQL warns "no privileges
-- were granted"; then an administrator has to run this once more.
-- If a table has row-level security, an administrator also runs ALTER ROLE sync_jobs BYPASSRLS: the jobs read all rows.

DO $$
BEGIN
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO sync_jobs', current_database());
END
$$;

GRANT USAGE ON SCHEMA public TO sync_jobs;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO sync_jobs;
GRANT INSERT, UPDATE, DELETE ON person_owner, person_trust, post_trust TO sync_jobs;
GRANT UPDATE (status) ON person TO sync_jobs;
GRANT UPDATE (funding_status) ON post TO sync_jobs;
