"""Migrates Airflow's metadata database and loads airflow_settings.yaml, in one process.

    python -m local.airflow_setup airflow_settings.yaml

Needs the environment of Airflow (local/airflow.py). Each call of Airflow's command line would import Airflow again.
"""

import sys

from airflow.utils import db

from sync_airflow import airflow_settings_loader

if __name__ == "__main__":
    db.upgradedb()
    try:
        airflow_settings_loader.main(sys.argv[1])
    except airflow_settings_loader.SettingsError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
