"""Fills an empty database of the application with demo data, for the profile demo of docker-compose.yaml.

TCS_POSTGRES_HOST, TCS_POSTGRES_PORT   the server
TCS_POSTGRES_PASSWORD_FILE             file with the password of the role tcs, which owns the tables
DEMO_PERSONS                           how many persons
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from local.demo_data import DatabaseNotEmpty, load_demo_data

if __name__ == "__main__":
    with psycopg.connect(
        host=os.environ["TCS_POSTGRES_HOST"],
        port=os.environ["TCS_POSTGRES_PORT"],
        dbname="tcs",
        user="tcs",
        password=Path(os.environ["TCS_POSTGRES_PASSWORD_FILE"]).read_text(encoding="utf-8").strip(),
    ) as connection:
        try:
            load_demo_data(connection, int(os.environ["DEMO_PERSONS"]), datetime.now(UTC).date())
        except DatabaseNotEmpty:
            print("There are persons already: no demo data was loaded.")
