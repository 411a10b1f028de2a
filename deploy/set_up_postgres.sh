#!/usr/bin/env bash
# Roles, databases and tables of the stack in docker-compose.yaml. Runs at each start; changes only what is not so yet.
#
#   PGHOST, PGUSER, PGPASSWORD   the server and its administrator
#   AIRFLOW_POSTGRES_PASSWORD    role airflow, owner of database airflow: the metadata of Airflow
#   TCS_POSTGRES_PASSWORD        role tcs, owner of database tcs: what the TIS application keeps
#   SYNC_POSTGRES_PASSWORD       role sync_jobs, by which the jobs work
#   SQL_FOLDER                   application_tables.sql, and below setup/ the SQL of include/sql/setup
set -euo pipefail
: "${AIRFLOW_POSTGRES_PASSWORD:?}" "${TCS_POSTGRES_PASSWORD:?}" "${SYNC_POSTGRES_PASSWORD:?}" "${SQL_FOLDER:?}"

quiet_psql() { psql --no-psqlrc --quiet --no-password --set ON_ERROR_STOP=1 "$@"; }

# Passwords come through the environment of psql, not its command line, and are set again each time:
# a new one in .env is in force after the next start.
quiet_psql --dbname postgres <<'SQL'
\getenv airflow_password AIRFLOW_POSTGRES_PASSWORD
\getenv tcs_password TCS_POSTGRES_PASSWORD
\getenv sync_jobs_password SYNC_POSTGRES_PASSWORD

SELECT format('CREATE ROLE %I LOGIN', wanted.role)
FROM unnest(ARRAY['airflow', 'tcs', 'sync_jobs']) AS wanted (role)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.role) \gexec

ALTER ROLE airflow PASSWORD :'airflow_password';
ALTER ROLE tcs PASSWORD :'tcs_password';
ALTER ROLE sync_jobs PASSWORD :'sync_jobs_password';

SELECT format('CREATE DATABASE %I OWNER %I', wanted.name, wanted.name)
FROM unnest(ARRAY['airflow', 'tcs']) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = wanted.name) \gexec

-- Otherwise every role may connect to every database.
REVOKE ALL ON DATABASE airflow, tcs FROM PUBLIC;
SQL

# By the owner of the tables; the rights come last, since they name the tables.
export PGUSER=tcs PGPASSWORD="$TCS_POSTGRES_PASSWORD"
quiet_psql --dbname tcs --single-transaction \
  --command 'SET client_min_messages = warning' \
  --file "$SQL_FOLDER/application_tables.sql" \
  --file "$SQL_FOLDER/setup/job_tables.sql" \
  --file "$SQL_FOLDER/setup/indexes.sql" \
  --file "$SQL_FOLDER/setup/role.sql"
echo "PostgreSQL: roles airflow, tcs and sync_jobs, databases airflow and tcs, tables and rights are in place."
