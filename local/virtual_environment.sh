#!/bin/sh
# Makes .venv with exactly what requirements-dev.txt names, unless it is there; anew when that file has changed.
#
#   PYTHON   which Python; by default the first of python3, python3.13, python3.12 and python3.11 that will do
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
lock=$root/requirements-dev.txt
venv=$root/.venv
installed=$venv/installed-requirements.txt # a copy of the lock, written last: without it, .venv is not finished

cmp -s "$lock" "$installed" && exit 0

fits() {
  command -v "$1" >/dev/null && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ -n "${PYTHON:-}" ]; then
  candidates=$PYTHON
else
  candidates='python3 python3.13 python3.12 python3.11'
fi
python=
for candidate in $candidates; do
  if fits "$candidate"; then python=$candidate && break; fi
done
if [ -z "$python" ]; then
  echo "Python 3.11 or newer is needed, and none of these is: $candidates." >&2
  for candidate in $candidates; do
    command -v "$candidate" >/dev/null && echo "  $candidate is $("$candidate" --version 2>&1)" >&2
  done
  echo "Install one, or name it: make PYTHON=/path/to/python3 …" >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "$python has no venv and ensurepip: install them (on Debian and Ubuntu: apt install python3-venv)." >&2
  exit 1
fi

began=$(date +%s)
echo "Installing what requirements-dev.txt names into .venv: a minute or two, once."
"$python" -m venv --clear "$venv"
export PIP_DISABLE_PIP_VERSION_CHECK=1
"$venv/bin/python" -m pip install --quiet --progress-bar off --require-hashes --requirement "$lock"
cp "$lock" "$installed"
echo "Installed in $(($(date +%s) - began)) s."
