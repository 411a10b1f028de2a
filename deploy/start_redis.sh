#!/usr/bin/env bash
# Starts the Redis of the profile celery. Its password is passed through standard input, not on the command line.
# Redis takes the place of this shell: it gets the signal that stops the container.
#
#   start_redis.sh [OPTION…]   more options of redis-server
#
#   REDIS_PASSWORD_FILE        file with its password: letters and digits
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/read_secret.sh"
password=$(read_secret REDIS_PASSWORD)
exec redis-server - --save "" --appendonly no "$@" <<<"requirepass $password"
