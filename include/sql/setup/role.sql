-- Rights of the role sync_jobs, by which the jobs work: read everything, write only what they own
-- (domain.md, "Tables"). Run by the owner of the tables, after job_tables.sql; the role itself is made by an
-- administrator beforehand: CREATE ROLE sync_jobs LOGIN PASSWORD …

GRANT USAGE ON SCHEMA public TO sync_jobs;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO sync_jobs;
GRANT INSERT, UPDATE, DELETE ON person_owner, person_trust, post_trust TO sync_jobs;
GRANT UPDATE (status) ON person TO sync_jobs;
GRANT UPDATE (funding_status) ON post TO sync_jobs;
