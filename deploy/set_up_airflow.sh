#!/usr/bin/env bash
# Migrates the metadata database of Airflow to this version, and creates connections, the role Operator and the first
# administrator. Runs at each start, before any other process of Airflow. Running it again does no harm.
#
#   AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD, AIRFLOW__CORE__FERNET_KEY_CMD   the database, and the key for passwords
#   STATE_FOLDER    remembers that there was a metadata database (check_not_lost.sh)
#   AIRFLOW_FERNET_KEY_FILE, AIRFLOW_API_SECRET_KEY_FILE, AIRFLOW_JWT_SECRET_FILE   must not be empty, as all passwords
#   the variables of write_connections.py and set_up_accounts.py
set -euo pipefail

deploy=$(dirname "${BASH_SOURCE[0]}")
source "$deploy/read_secret.sh"

# Airflow's own error would not name the variable of .env.
for secret in AIRFLOW_{FERNET_KEY,API_SECRET_KEY,JWT_SECRET,ADMIN_PASSWORD,POSTGRES_PASSWORD}; do
  read_secret "$secret" > /dev/null
done

server="${AIRFLOW_POSTGRES_HOST:?}-${AIRFLOW_POSTGRES_PORT:?}-${AIRFLOW_POSTGRES_DATABASE:?}"
# Also stops if the database cannot be reached: Airflow would show a long traceback.
bash "$deploy/check_not_lost.sh" "airflow-$server" python "$deploy/has_metadata.py"

airflow db migrate
scratch=$(mktemp --directory)
trap 'rm -rf "$scratch"' EXIT
python "$deploy/write_connections.py" > "$scratch/connections.json"
airflow connections import --overwrite "$scratch/connections.json"
python "$deploy/set_up_accounts.py"
touch "$STATE_FOLDER/airflow-$server"
