"""One Airflow for most tests of this folder: api-server, scheduler, dag-processor and triggerer."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it ships no types

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.demo_data import load_demo_data
from sync_jobs.catalogue import JOBS
from tests.airflow_of_tests import zone_of_another_date
from tests.otlp_receiver import OtlpReceiver, otlp_receiver
from tests.scheduler.night import this_minute
from tests.scheduler.running_airflow import RunningAirflow, new_airflow

FILES_WITH_THEIR_OWN_AIRFLOW = (
    "test_make_run.py",
    "test_clock_changes.py",
    "test_housekeeping.py",
    "test_migration_commands.py",
    "test_restarts.py",
)
PERSONS = 300
NIGHTS_OFF = 3
CHANGED = 1_000_000  # id of a post and of a person that no demo data has


class SchedulingByAirflow(LoadScopeScheduling):  # type: ignore[misc]  # whose class has no type
    """Lets one process run all tests that share an Airflow; it starts once, and they run one after the other."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.split("::", maxsplit=1)[0]).name
        return file if file in FILES_WITH_THEIR_OWN_AIRFLOW else "running_airflow"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SchedulingByAirflow:
    return SchedulingByAirflow(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Function, nextitem: pytest.Function | None) -> None:
    """Stop the shared Airflow after its last test: the process may go on with other tests for minutes."""
    running = item.funcargs.get("running_airflow")
    if isinstance(running, RunningAirflow) and "running_airflow" not in getattr(nextitem, "fixturenames", ()):
        running.stop()


@pytest.fixture(scope="session")
def telemetry() -> Iterator[OtlpReceiver]:
    """Takes the metrics and spans of all processes of running_airflow."""
    with otlp_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def running_airflow(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: local_postgres.Postgres,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
    telemetry: OtlpReceiver,
) -> Iterator[RunningAirflow]:
    """An Airflow that was off for three nights, then started when all jobs of tonight were due, and has run them.

    Its processes and databases are in a time zone whose date differs from that of UTC.
    """
    night = this_minute()
    with new_airflow(
        tmp_path_factory.mktemp("airflow"),
        postgres_server,
        elasticsearch_server,
        zone=zone_of_another_date(night),
        more_settings=telemetry.environment,
    ) as running:
        with psycopg.connect(running.tcs_dsn) as connection:
            load_demo_data(connection, PERSONS, night.date())
            # A run that covers only its own date does not find them.
            add_changes(connection, CHANGED, night.date() - timedelta(days=NIGHTS_OFF - 1))
        ticks = {job.dag_id: night - timedelta(minutes=(len(JOBS) - 1 - n) // 2) for n, job in enumerate(JOBS)}
        running.start_after_nights_off(ticks, NIGHTS_OFF)
        running.first_night.wait_for_end(ticks)
        yield running


def add_changes(connection: "psycopg.Connection[tuple[object, ...]]", number: int, day: date) -> None:
    """Add what only a run for that day sees: a funding that ended the day before, and a membership that begins on it.

    number: id of the post, of the person and of its one curriculum.
    """
    connection.execute("INSERT INTO post (id, funding_status) VALUES (%s, 'CURRENT')", (number,))
    connection.execute(
        "INSERT INTO post_funding (id, post_id, start_date, end_date) VALUES (%s, %s, '2001-01-01', %s)",
        (number, number, day - timedelta(days=1)),
    )
    connection.execute("INSERT INTO person (id, status) VALUES (%s, 'INACTIVE')", (number,))
    connection.execute("INSERT INTO contact_details (id) VALUES (%s)", (number,))
    connection.execute(
        "WITH membership AS ("
        "INSERT INTO programme_membership (uuid, person_id, programme_start_date, programme_end_date) "
        "VALUES (gen_random_uuid(), %(number)s, %(day)s, '2099-12-31') RETURNING uuid) "
        "INSERT INTO curriculum_membership (id, programme_membership_uuid) SELECT %(number)s, uuid FROM membership",
        {"number": number, "day": day},
    )
