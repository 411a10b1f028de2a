#!/usr/bin/env bash
# Creates the roles, databases and tables of the stack in docker-compose.yaml.
# Runs at each start and creates only what is missing. Running it again does no harm.
#
#   PGHOST, PGUSER                   the server and its administrator
#   POSTGRES_PASSWORD_FILE           the administrator's password; here and below the name of a file that holds it
#   AIRFLOW_POSTGRES_PASSWORD_FILE   role airflow, owner of database airflow: the metadata of Airflow
#   TCS_POSTGRES_PASSWORD_FILE       role tcs, owner of database tcs: the data of the TIS application
#   SYNC_POSTGRES_PASSWORD_FILE      role sync_jobs, which the jobs use
#   SQL_FOLDER                       has application_tables.sql and, in setup/, the files of include/sql/setup
#   STATE_FOLDER                     remembers that there were tables (check_not_lost.sh)
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/read_secret.sh"

# The passwords become variables of this process alone, because psql reads them there.
for name in POSTGRES AIRFLOW_POSTGRES TCS_POSTGRES SYNC_POSTGRES; do
  password=$(read_secret "${name}_PASSWORD")
  export "${name}_PASSWORD=$password"
done
export PGPASSWORD="${POSTGRES_PASSWORD:?}"
: "${SQL_FOLDER:?}" "${STATE_FOLDER:?}"

quiet_psql() { psql --no-psqlrc --quiet --no-password --set ON_ERROR_STOP=1 "$@"; }

# For check_not_lost.sh. If PostgreSQL does not answer (2), psql has said why.
has_tables() {
  local found
  found=$(quiet_psql --dbname postgres --tuples-only --no-align \
    --command "SELECT 1 FROM pg_database WHERE datname = 'tcs'") || return 2
  [ -n "$found" ] || return 1
  found=$(quiet_psql --dbname tcs --tuples-only --no-align \
    --command "SELECT 1 FROM pg_tables WHERE tablename = 'person'") || return 2
  [ -n "$found" ]
}
state="postgres-${PGHOST:?}"
export -f quiet_psql has_tables
bash "$(dirname "${BASH_SOURCE[0]}")/check_not_lost.sh" "$state" bash -c has_tables

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
touch "$STATE_FOLDER/$state"
echo "PostgreSQL: roles airflow, tcs and sync_jobs, databases airflow and tcs, tables and permissions are in place."
