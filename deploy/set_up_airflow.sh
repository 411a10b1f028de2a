#!/usr/bin/env bash
# Brings the metadata database of Airflow to this version and loads airflow_settings.yaml into it.
# Runs at each start, before any other process of Airflow; what is in place already stays.
#
#   AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, AIRFLOW__CORE__FERNET_KEY   where to write, and by which key
#   SYNC_…                                                           named at the top of airflow_settings.yaml
set -euo pipefail

airflow db migrate
python -m sync_airflow.airflow_settings_loader "${AIRFLOW_HOME:?}/airflow_settings.yaml"
