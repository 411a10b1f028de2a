#!/usr/bin/env bash
# Stops a set-up that finds nothing where there was a database before: after a major upgrade, a changed volume or a
# wrong address, empty tables would look like a healthy installation.
#
#   check_not_lost.sh NAME COMMAND…
#
#   COMMAND        exits with 0 if the database has its tables, with 1 if it is empty; with another code, after saying
#                  why, if it cannot know
#   STATE_FOLDER   where a set-up that succeeded has left a file NAME
set -euo pipefail

name=$1
shift
code=0
"$@" || code=$?
[ "$code" -le 1 ] || exit 1
if [ "$code" -eq 1 ] && [ -e "${STATE_FOLDER:?}/$name" ]; then
  cat >&2 <<TEXT
The database of $name was set up before, and is empty now. Nothing was created.
Check the address and the data volume, and restore a backup: docs/deployment.md, "Upgrades".
If the data is meant to be gone, remove $STATE_FOLDER/$name and start again.
TEXT
  exit 1
fi
