"""Whether the metadata database of Airflow has its tables. metadata_url.sh says where it is.

Exit code 0: it has; 1: it is empty; 2: it cannot be reached, and the output says why.
"""

import subprocess
import sys
from pathlib import Path

import psycopg

CONNECT_SECONDS = 10
EMPTY, UNREACHABLE = 1, 2


def main() -> int:
    script = Path(__file__).with_name("metadata_url.sh")
    url = subprocess.run(["bash", script, "postgresql"], capture_output=True, text=True, check=True).stdout
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            found = connection.execute("SELECT FROM pg_tables WHERE tablename = 'dag_run'").rowcount
    except psycopg.OperationalError as error:
        print("Airflow's metadata database does not answer: see AIRFLOW_POSTGRES_... in .env.", error, file=sys.stderr)
        return UNREACHABLE
    return 0 if found else EMPTY


if __name__ == "__main__":
    sys.exit(main())
