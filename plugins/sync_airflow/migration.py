"""Commands of the migration from the service that ran the jobs before, and back (docs/migration.md).

    python -m sync_airflow.migration check        what PostgreSQL and Elasticsearch lack, and what is behind the alias
    python -m sync_airflow.migration indexes      the SQL that gives the tables the indexes that are missing
    python -m sync_airflow.migration parity       what the jobs would change of what that service wrote
    python -m sync_airflow.migration hand-back    makes a plain index of the index behind the alias

They use the Airflow connections of the jobs. Exit code 0: nothing is missing or different; 1: something is; 2: a
command failed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from typing import Any

from airflow.sdk.exceptions import AirflowFailException
from elasticsearch import Elasticsearch

from sync_airflow import task_defaults
from sync_airflow.connections import open_elasticsearch, open_postgres
from sync_airflow.tasks.sync_operator import index_settings
from sync_jobs.errors import SyncJobError
from sync_jobs.hand_back import hand_back_index
from sync_jobs.index_definitions import INDEX_DEFINITIONS
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.parity import compare_all
from sync_jobs.postgres.connection import take_over
from sync_jobs.postgres.errors import postgres_errors_translated
from sync_jobs.readiness import read_readiness
from sync_jobs.run_dates import parse_date
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.errors import elasticsearch_errors_translated
from sync_jobs.search.index_alias import find_live
from sync_jobs.search.reads import count

FINE, DIFFERENT, FAILED = 0, 1, 2

# Prints a line of the answer.
Say = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    given = _parser().parse_args(arguments)
    say = _separate_answers()
    # Otherwise Airflow would look for connections and variables in the environment only.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        code: int = given.command(given, say)
    except (SyncJobError, AirflowFailException) as error:
        print(error, file=sys.stderr)
        return FAILED
    return code


def _separate_answers() -> Say:
    """Answers go to standard output, where psql reads them. What Airflow logs there goes to standard error instead."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return lambda line: print(line, file=answers, flush=True)


def check(_: argparse.Namespace, say: Say) -> int:
    """Print what is missing, and what is behind each alias."""
    with _postgres() as postgres, postgres_errors_translated():
        take_over(postgres)
        readiness = read_readiness(postgres)
    for line in readiness.lines():
        say(line)
    with open_elasticsearch() as client, elasticsearch_errors_translated():
        for definition in INDEX_DEFINITIONS:
            say(_described(definition, client))
    say("The servers are ready." if readiness.is_ready else "The servers are not ready.")
    return FINE if readiness.is_ready else DIFFERENT


def _described(definition: IndexDefinition, client: Elasticsearch) -> str:

    live = find_live(client, definition.alias)
    if live.name is None:
        return f"{definition.alias} does not exist."
    documents = count(client, live.name)
    what = f"an alias of {live.name}" if live.is_alias else "a plain index"
    return f"{definition.alias} is {what}, with {documents:,} documents."


def indexes(_: argparse.Namespace, say: Say) -> int:
    """Print SQL for psql."""
    with _postgres() as postgres, postgres_errors_translated():
        for statement in read_readiness(postgres).statements():
            say(statement)
    return FINE


def parity(given: argparse.Namespace, say: Say) -> int:
    """Print the parity of each job as soon as it is known."""
    found = []
    with _postgres() as postgres, open_elasticsearch() as elasticsearch:
        for each in compare_all(
            postgres=postgres,
            elasticsearch=elasticsearch,
            run_date=given.run_date,
            first_date=given.first_date,
            settings=index_settings(PERSONS),
            size=given.ids,
        ):
            say("\n".join(each.lines()))
            found.append(each)
    if any(each.error for each in found):
        return FAILED
    return FINE if all(each.is_equal for each in found) else DIFFERENT


def hand_back(_: argparse.Namespace, say: Say) -> int:
    """Print what was done, for each index."""
    for definition in INDEX_DEFINITIONS:
        with _postgres() as postgres, open_elasticsearch() as elasticsearch:
            done = hand_back_index(
                definition, postgres=postgres, elasticsearch=elasticsearch, settings=index_settings(definition)
            )
        say(
            f"{definition.alias} is a plain index with {done.documents:,} documents, cloned from {done.cloned}. The "
            f"name did not exist for {done.seconds} s. Documents written for edits made meanwhile: {done.refreshed}."
        )
    return FINE


def _postgres() -> AbstractContextManager[Any]:
    return open_postgres("migration", task_defaults.JOB_TIMEOUT)


def _date(text: str) -> date:
    try:
        return parse_date(text)
    except SyncJobError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sync_airflow.migration", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    commands.add_parser("check", help="what is missing on the servers").set_defaults(command=check)
    commands.add_parser("indexes", help="print SQL that creates missing indexes").set_defaults(command=indexes)
    compare = commands.add_parser("parity", help="dry runs of all jobs; writes nothing")
    compare.add_argument(
        "--run-date", type=_date, default=datetime.now(UTC).date(), help="of that night; default: today"
    )
    compare.add_argument("--first-date", type=_date, help="the first night that may have been missed")
    compare.add_argument("--ids", type=int, default=10, help="how many ids are named for each kind of difference")
    compare.set_defaults(command=parity)
    commands.add_parser("hand-back", help="make a plain index of the alias").set_defaults(command=hand_back)
    return parser


if __name__ == "__main__":
    sys.exit(main())
