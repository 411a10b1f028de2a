"""Succeeds if the metadata database of Airflow has its tables."""

import sys

from airflow import settings
from sqlalchemy import inspect

if __name__ == "__main__":
    settings.configure_vars()
    settings.configure_orm()
    sys.exit(not inspect(settings.engine).has_table("dag_run"))
