#!/usr/bin/env bash
# Migrates the metadata database of Airflow to this version and loads airflow_settings.yaml into it.
# Runs at each start, before any other process of Airflow. Running it again does no harm.
#
#   AIRFLOW__DATABASE__SQL_ALCHEMY_CONN, AIRFLOW__CORE__FERNET_KEY   the database, and the key that encrypts passwords
#   SYNC_…                                                           named at the top of airflow_settings.yaml
set -euo pipefail

airflow db migrate
python -m sync_airflow.airflow_settings_loader "${AIRFLOW_HOME:?}/airflow_settings.yaml"
