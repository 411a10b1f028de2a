#!/usr/bin/env bash
# Deletes old runs, logs and other history of Airflow, once a day, in a quiet hour. What the jobs have to remember for
# missed nights is an Airflow variable, which this does not touch; and the last run of each DAG stays.
#
#   clean_up.sh once     does it now, and ends
#   KEEP_DAYS            age in days from which history is deleted
#   LOG_FOLDER           the folder of the task logs
set -euo pipefail

clean() {
  airflow db clean --clean-before-timestamp "$(date --utc --date "${KEEP_DAYS:?} days ago" +%FT%TZ)" --skip-archive --yes
  find "${LOG_FOLDER:?}" -type f -mtime "+$KEEP_DAYS" -delete
  find "$LOG_FOLDER" -mindepth 1 -type d -empty -delete
}

if [ "${1:-}" = once ]; then
  clean
  exit
fi
while true; do
  # 12:00 UTC: after every night and its recovery window.
  sleep $(( (86400 + $(date --utc --date 12:00 +%s) - $(date +%s)) % 86400 + 1 )) &
  wait $!
  clean || echo "The clean-up failed; the next one is tomorrow." >&2
done
