#!/usr/bin/env bash
# Loads demo data into an empty database, unpauses all DAGs, and starts the jobs for today (recovery).
#
#   the variables of load_demo_data.py
set -euo pipefail

python "$(dirname "${BASH_SOURCE[0]}")/load_demo_data.py"
until airflow dags details recovery > /dev/null 2>&1; do
  sleep 5
done
airflow dags unpause --yes --treat-dag-id-as-regex '.*'
airflow dags trigger recovery
echo "The jobs are running: open ${AIRFLOW__API__BASE_URL:?}/sync/ as user admin."
