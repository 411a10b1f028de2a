-- Rights of the role sync_jobs, by which the jobs work: read everything, write only what they own
-- (docs/domain.md, "Tables"). Run by the owner of the tables, after job_tables.sql; the role itself is made by an
-- administrator beforehand: CREATE ROLE sync_jobs LOGIN PASSWORD …
-- The jobs work with temporary tables. Whoever runs this grants it if the database is his, too; else an administrator
-- runs it once more (PostgreSQL warns: no privileges were granted).

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
