#!/usr/bin/env bash
# The health check of the API server. It asks for the routes of tasks, which are created at the first request.
#
#   AIRFLOW__CORE__EXECUTION_API_SERVER_URL   such as http://airflow-api-server:8080/execution/; only its path is used
set -euo pipefail

path="/${AIRFLOW__CORE__EXECUTION_API_SERVER_URL#*://*/}"
exec curl --silent --fail --noproxy '*' --output /dev/null --max-time 20 \
  "http://localhost:${1:-8080}${path%/}/health"
