"""The benchmark of the jobs that only touch PostgreSQL, on servers of its own.

    python -m bench [persons]        (default 200000; `make bench`)

For each job, on demo data: the first fill; a night without changes, beside the same statements in psql, turn by
turn in one run; and a night after one per cent of what it reads has changed. Seconds are medians; WAL is what the
server wrote meanwhile.
"""

import argparse
import secrets
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from elasticsearch import Elasticsearch
from rich.console import Console

from bench.sql_jobs import Measurement, measure
from bench.table import show
from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.ports import any_free_port
from local.processes import stop

DEFAULT_PERSONS = 200_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("persons", type=int, nargs="?", default=DEFAULT_PERSONS)
    persons = parser.parse_args().persons
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="sync-bench-") as folder:
        measurements = on_servers_of_our_own(Path(folder), persons, console)
    show(measurements, persons, sys.version.split()[0])


def on_servers_of_our_own(folder: Path, persons: int, console: Console) -> list[Measurement]:
    passwords = {role: secrets.token_urlsafe(16) for role in (local_postgres.ADMINISTRATOR, *local_postgres.ROLES)}
    postgres = local_postgres.Postgres(folder / "postgres", folder / "postgres.log", any_free_port(), passwords)
    search = local_elasticsearch.Elasticsearch(folder / "search", folder / "search.log", any_free_port())
    console.print("Starting PostgreSQL and Elasticsearch")
    postgres.initialise()
    services = [postgres.start(postgres.service()), search.start(search.service())]
    try:
        postgres.wait_until_ready(services[0])
        search.wait_until_ready(services[1])
        postgres.create_databases()
        with Elasticsearch(search.url) as client:
            return measure(postgres, client, persons, datetime.now(UTC).date(), console)
    finally:
        stop(services)


if __name__ == "__main__":
    main()
