#!/usr/bin/env bash
# Prints the address of the Redis of the profile celery, for AIRFLOW__CELERY__BROKER_URL_CMD.
#
#   REDIS_PASSWORD_FILE   file with its password: letters and digits
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/read_secret.sh"
password=$(read_secret REDIS_PASSWORD)
printf 'redis://:%s@redis:6379/0' "$password"
