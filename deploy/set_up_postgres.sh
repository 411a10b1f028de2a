#!/usr/bin/env bash
# Creates the roles, databases and tables of the stack in docker-compose.yaml.
# Runs at each start and creates only what is missing. Running it again does no harm.
#
#   PGHOST, PGUSER, PGPASSWORD   the server and its administrator
#   AIRFLOW_POSTGRES_PASSWORD    role airflow, owner of database airflow: the metadata of Airflow
#   TCS_POSTGRES_PASSWORD        role tcs, owner of database tcs: the data of the TIS application
#   SYNC_POSTGRES_PASSWORD       role sync_jobs, which the jobs use
#   SQL_FOLDER                   has application_tables.sql and, in setup/, the files of include/sql/setup
set -euo pipefail
: "${AIRFLOW_POSTGRES_PASSWORD:?}" "${TCS_POSTGRES_PASSWORD:?}" "${SYNC_POSTGRES_PASSWORD:?}" "${SQL_FOLDER:?}"

quiet_psql() { psql --no-psqlrc --quiet --no-password --set ON_ERROR_STOP=1 "$@"; }

# psql reads the passwords from its environment, so they are not on its command line. They are set each time:
# a new password in .env takes effect at the next start.
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

-- Without this, every role may connect to every database.
REVOKE ALL ON DATABASE airflow, tcs FROM PUBLIC;
SQL

# As the owner of the tables. The permissions come last, because they name the tables.
export PGUSER=tcs PGPASSWORD="$TCS_POSTGRES_PASSWORD"
quiet_psql --dbname tcs --single-transaction \
  --command 'SET client_min_messages = warning' \
  --file "$SQL_FOLDER/application_tables.sql" \
  --file "$SQL_FOLDER/setup/job_tables.sql" \
  --file "$SQL_FOLDER/setup/indexes.sql" \
  --file "$SQL_FOLDER/setup/role.sql"
echo "PostgreSQL: roles airflow, tcs and sync_jobs, databases airflow and tcs, tables and permissions are in place."
