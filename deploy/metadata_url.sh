#!/usr/bin/env bash
# Prints the address of Airflow's metadata database, for the settings that end in _CMD.
#
#   metadata_url.sh postgresql+psycopg2      the scheme of the address
#
#   AIRFLOW_POSTGRES_HOST, _PORT, _DATABASE, _USER, _SSLMODE   where it is, and how its certificate is checked (libpq)
#   AIRFLOW_POSTGRES_CA                                        file with the authority of that certificate, or empty
#   AIRFLOW_POSTGRES_PASSWORD_FILE                             file with the password
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/read_secret.sh"

# A text as part of an address: every byte except for letters, digits and -._~ as %XX.
encoded() {
  local LC_ALL=C text=$1 place byte
  for ((place = 0; place < ${#text}; place++)); do
    byte=${text:place:1}
    case "$byte" in
      [a-zA-Z0-9._~-]) printf '%s' "$byte" ;;
      *) printf '%s' "$byte" | od -An -v -tx1 | tr -d '\n' | tr ' a-f' '%A-F' ;;
    esac
  done
}

password=$(read_secret AIRFLOW_POSTGRES_PASSWORD)
password=$(encoded "$password")
user=$(encoded "${AIRFLOW_POSTGRES_USER:?}")
url="$1://$user:$password@${AIRFLOW_POSTGRES_HOST:?}:${AIRFLOW_POSTGRES_PORT:?}"
url+="/${AIRFLOW_POSTGRES_DATABASE:?}?sslmode=${AIRFLOW_POSTGRES_SSLMODE:?}"
if [ -n "${AIRFLOW_POSTGRES_CA:-}" ]; then
  url+="&sslrootcert=$AIRFLOW_POSTGRES_CA"
fi
printf '%s' "$url"
