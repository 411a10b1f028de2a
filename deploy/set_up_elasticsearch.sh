#!/usr/bin/env bash
# Creates the user of the jobs and its role: all permissions on the jobs' own indices, none on any others
# (elasticsearch_role.json, which write_elasticsearch_role.py makes from the index definitions).
# Runs at each start. Running it again does no harm.
#
#   ELASTICSEARCH_URL                  the address of Elasticsearch
#   ELASTIC_PASSWORD_FILE              file with the password of the built-in administrator, elastic
#   SYNC_ELASTICSEARCH_PASSWORD_FILE   file with the password of the user sync_jobs
#   ELASTICSEARCH_CA                   file with the authority of its certificate, or empty
set -euo pipefail
: "${ELASTICSEARCH_URL:?}"
source "$(dirname "${BASH_SOURCE[0]}")/read_secret.sh"
elastic_password=$(read_secret ELASTIC_PASSWORD)
sync_password=$(read_secret SYNC_ELASTICSEARCH_PASSWORD)
authority=()
if [ -n "${ELASTICSEARCH_CA:-}" ]; then
  authority=(--cacert "$ELASTICSEARCH_CA")
fi

# put PATH: sends standard input. The password is passed through a file descriptor, not on the command line.
put() {
  curl --silent --show-error --fail --noproxy '*' "${authority[@]}" --request PUT \
    --header 'Content-Type: application/json' --config <(printf 'user = "elastic:%s"\n' "$elastic_password") \
    --data @- --output /dev/null "$ELASTICSEARCH_URL/_security/$1"
}

put role/sync_jobs < "$(dirname "${BASH_SOURCE[0]}")/elasticsearch_role.json"
put user/sync_jobs <<JSON
{"password": "$sync_password", "roles": ["sync_jobs"]}
JSON
echo "Elasticsearch: user sync_jobs is in place."
