#!/bin/sh
# Makes sure that .venv holds exactly what requirements-dev.txt names. Usage:
#
#   local/virtual_environment.sh [--find] VERSION…    the versions of Python that the lock supports, oldest first
#
# --find: only look for a Python, print nothing if there is one.
# PYTHON chooses the Python. The default is python3 if its version is supported, else the newest one that is.
set -eu

root=$(CDPATH='' cd "$(dirname "$0")/.." && pwd)
program=$root/local/virtual_environment.py
python=$root/.venv/bin/python

only_find=
if [ "$1" = --find ]; then
  only_find=yes
  shift
fi

# -I: none of the user's Python settings apply.
if [ -z "$only_find" ] && [ -x "$python" ] && "$python" -I "$program" check 2>/dev/null; then
  exit 0
fi

# 3.13 for instance, or 3.13t for a build without the global interpreter lock, for which few packages are built.
version_of() {
  "$1" -I -c 'import sys; print("%d.%d" % sys.version_info[:2] + sys.abiflags)' 2>/dev/null || echo 'does not run'
}

candidates=python3
for version in "$@"; do
  newest=$version
  candidates="python$version $candidates"
done
candidates=${PYTHON:-python3 ${candidates% python3}}

found=
for candidate in $candidates; do
  command -v "$candidate" >/dev/null || continue
  version=$(version_of "$candidate")
  case " $* " in
    *" $version "*)
      if "$candidate" -I -c 'import ensurepip, venv' 2>/dev/null; then
        [ -z "$only_find" ] || exit 0
        exec "$candidate" -I "$program" build
      fi
      found="$found  $candidate: $version, but it has no venv (on Debian and Ubuntu: apt install python3-venv)
" ;;
    *)
      found="$found  $candidate: $version
" ;;
  esac
done

{
  echo "requirements-dev.txt supports Python $1 to $newest. No such Python was found:"
  printf '%s' "${found:-  $candidates: not found
}"
  echo 'Install one, or name its path: make PYTHON=/path/to/python3 …'
} >&2
exit 1
