"""Succeeds if the metadata database of Airflow has its tables. metadata_url.sh says where it is."""

import subprocess
import sys
from pathlib import Path

import psycopg

if __name__ == "__main__":
    script = Path(__file__).with_name("metadata_url.sh")
    url = subprocess.run(["bash", script, "postgresql"], capture_output=True, text=True, check=True).stdout
    with psycopg.connect(url) as connection:
        sys.exit(connection.execute("SELECT FROM pg_tables WHERE tablename = 'dag_run'").rowcount == 0)
