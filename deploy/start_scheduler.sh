#!/usr/bin/env bash
# Starts Airflow's scheduler once the API server answers tasks. A task that starts before that loses an attempt.
#
# `docker compose up` waits for that too (depends_on), but Docker itself does not when it restarts the containers.
#
#   AIRFLOW__CORE__EXECUTION_API_SERVER_URL   the API for tasks, such as http://airflow-api-server:8080/execution/
set -euo pipefail

health="${AIRFLOW__CORE__EXECUTION_API_SERVER_URL:?}"
health="${health%/}/health"
said=""
until curl --silent --fail --noproxy '*' --output /dev/null --max-time 60 "$health"; do
  if [ -z "$said" ]; then
    echo "The scheduler waits until the API server answers at $health."
    said=yes
  fi
  sleep 1
done
exec airflow scheduler
