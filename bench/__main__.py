"""The benchmark of the jobs, on servers of its own.

    python -m bench [persons …] [--only sql|index|migration] [--pairs 5] [--no-others]

With 20,000 and 200,000 persons by default, as `make bench`.

For each job, on demo data: the first fill; a night without changes, compared with the same statements in psql, which
run alternately; and a night after one per cent of the source rows has changed. Seconds are medians; WAL is what the
server wrote during the run. Then the index build, compared with the replay of prepared request bodies and with other
ways to fill an index. The first promotion over a plain index and the way back (docs/migration.md) are measured on
request only: --only migration.
"""

import argparse
import secrets
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from elasticsearch import Elasticsearch
from rich.console import Console

from bench import index_build, migration, sql_jobs
from bench.table import show
from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.environment import drop_postgresql_settings
from local.ports import any_free_port
from local.processes import stop

DEFAULT_PERSONS = (20_000, 200_000)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("persons", type=int, nargs="*", default=DEFAULT_PERSONS)
    parser.add_argument("--only", choices=("sql", "index", "migration"), help="run only this part")
    parser.add_argument(
        "--pairs",
        type=int,
        default=5,
        help="how many pairs of an index build and a replay, or rounds of the migration, to run",
    )
    parser.add_argument("--no-others", action="store_true", help="skip the slow ways to fill an index")
    arguments = parser.parse_args()
    drop_postgresql_settings()
    for persons in arguments.persons:
        with tempfile.TemporaryDirectory(prefix="sync-bench-") as folder:
            on_servers_of_our_own(Path(folder), persons, arguments, Console(stderr=True))


def on_servers_of_our_own(folder: Path, persons: int, arguments: argparse.Namespace, console: Console) -> None:
    only = arguments.only
    # PostgreSQL does not run as root: if this does, another user has to reach the server's folder in this one.
    folder.chmod(0o711)
    passwords = {role: secrets.token_urlsafe(16) for role in (local_postgres.ADMINISTRATOR, *local_postgres.ROLES)}
    postgres = local_postgres.Postgres(folder / "postgres", folder / "postgres.log", any_free_port(), passwords)
    search = local_elasticsearch.Elasticsearch(
        folder / "search", folder / "search.log", any_free_port(), heap="2g", quick=False
    )
    console.print("Starting PostgreSQL and Elasticsearch")
    postgres.initialise()
    services = [postgres.start(postgres.service()), search.start(search.service())]
    try:
        postgres.wait_until_ready(services[0])
        search.wait_until_ready(services[1])
        postgres.create_databases()
        run_date = datetime.now(UTC).date()
        with Elasticsearch(search.url, request_timeout=120) as client:
            bench = sql_jobs.prepare(postgres, client, persons, run_date, console)
            fills = bench.fill(console)
            if only in (None, "sql"):
                show(bench.measure(fills, console), persons, sys.version.split()[0])
            if only == "migration":
                change = migration.Bench(
                    bench.application, bench.job_dsn, search.url, services[1], search.home, run_date, console
                )
                migration.show(change.measure(arguments.pairs), persons)
        if only in (None, "index"):
            index = index_build.Bench(postgres.dsn("sync_jobs", "tcs"), search.url, run_date, folder, console)
            others = () if arguments.no_others else index_build.OTHERS
            index_build.show(index.measure(arguments.pairs, others), persons)
    finally:
        stop(services)


if __name__ == "__main__":
    main()
