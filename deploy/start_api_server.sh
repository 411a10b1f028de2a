#!/usr/bin/env bash
# Starts Airflow's API server with the users of the stack, whose passwords come from the environment.
#
# Without this, Airflow generates a password for each user and prints it into its log.
#
#   AIRFLOW_ADMIN_PASSWORD, AIRFLOW_OPERATOR_PASSWORD, AIRFLOW_VIEWER_PASSWORD
#   AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE   rewritten at each start
set -euo pipefail

(
  umask 077
  python - <<'PYTHON'
import json
import os

users = ("admin", "operator", "viewer")
passwords = {user: os.environ[f"AIRFLOW_{user.upper()}_PASSWORD"] for user in users}
with open(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"], "w", encoding="utf-8") as file:
    json.dump(passwords, file)
PYTHON
)
unset AIRFLOW_ADMIN_PASSWORD AIRFLOW_OPERATOR_PASSWORD AIRFLOW_VIEWER_PASSWORD
exec airflow api-server
