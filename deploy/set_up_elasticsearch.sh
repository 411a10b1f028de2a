#!/usr/bin/env bash
# Makes the user of the jobs and its role: all rights to the jobs' own indices, none to any other
# (elasticsearch_role.json, which write_elasticsearch_role.py makes from the index definitions).
# Runs at each start and sets the same again.
#
#   ELASTICSEARCH_URL            where to find it
#   ELASTIC_PASSWORD             the built-in administrator, elastic
#   SYNC_ELASTICSEARCH_PASSWORD  user sync_jobs
set -euo pipefail
: "${ELASTICSEARCH_URL:?}" "${ELASTIC_PASSWORD:?}" "${SYNC_ELASTICSEARCH_PASSWORD:?}"

# put PATH: sends standard input. The password is handed over by a file descriptor, not on the command line.
put() {
  curl --silent --show-error --fail --request PUT --header 'Content-Type: application/json' \
    --config <(printf 'user = "elastic:%s"\n' "$ELASTIC_PASSWORD") --data @- --output /dev/null \
    "$ELASTICSEARCH_URL/_security/$1"
}

put role/sync_jobs < "$(dirname "${BASH_SOURCE[0]}")/elasticsearch_role.json"
put user/sync_jobs <<JSON
{"password": "$SYNC_ELASTICSEARCH_PASSWORD", "roles": ["sync_jobs"]}
JSON
echo "Elasticsearch: user sync_jobs is in place."
