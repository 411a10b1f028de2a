#!/usr/bin/env bash
# The user by which the jobs work: it may do anything with the indices of persons, and nothing with any other.
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

put role/sync_jobs <<'JSON'
{"cluster": ["monitor"], "indices": [{"names": ["persons", "persons-*"], "privileges": ["all"]}]}
JSON
put user/sync_jobs <<JSON
{"password": "$SYNC_ELASTICSEARCH_PASSWORD", "roles": ["sync_jobs"]}
JSON
echo "Elasticsearch: user sync_jobs is in place."
