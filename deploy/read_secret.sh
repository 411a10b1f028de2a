# shellcheck shell=bash
# For the other scripts: source it.
#
#   read_secret NAME    prints the content of the file that the variable NAME_FILE names
#
# Compose creates no file for an empty variable of .env.
read_secret() {
  local file="$1_FILE" value=""
  if [ -e "${!file:?}" ]; then
    value=$(<"${!file}")
  fi
  if [ -z "$value" ]; then
    echo "$1 is empty: see .env.example for how to make .env" >&2
    return 1
  fi
  printf '%s' "$value"
}
