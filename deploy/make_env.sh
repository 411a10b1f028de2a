#!/usr/bin/env bash
# Prints .env.example with a new random value for every empty password, secret and encryption key:
#
#   (umask 077 && deploy/make_env.sh > .env)
set -euo pipefail

while IFS= read -r line; do
  case "$line" in
    \#*) ;;
    AIRFLOW_FERNET_KEY=) line+=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_') ;;
    *_PASSWORD= | *_SECRET_KEY= | *_JWT_SECRET=) line+=$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n') ;;
  esac
  printf '%s\n' "$line"
done < "$(dirname "${BASH_SOURCE[0]}")/../.env.example"
