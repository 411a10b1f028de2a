"""A session of a build is lost while PostgreSQL makes or counts documents: the build fails and leaves nothing."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date

import psycopg
import pytest
from elasticsearch import Elasticsearch

from sync_jobs.errors import TransientError
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.postgres.background import in_background
from sync_jobs.postgres.transactions import export_snapshot, snapshot
from sync_jobs.search.verification import Totals, count_exported
from tests.application import Application
from tests.awkward_data import Connection
from tests.comparison import all_indices, indices_behind_alias, runner
from tests.waiting import PATIENCE_SECONDS, wait_for

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)


@pytest.mark.parametrize("lost", ["the first", "the second"])
def test_a_build_that_loses_a_session_fails_and_the_next_one_succeeds(
    tcs: Connection, job_connection: Connection, job_dsn: str, elasticsearch: Elasticsearch, lost: str
) -> None:
    Application(tcs, elasticsearch).add(range(1, 11))
    run = runner(job_connection, elasticsearch)
    run(JOB, RUN_DATE)
    before = all_indices(elasticsearch)
    with (
        psycopg.connect(tcs.info.dsn, password=tcs.info.password) as application,
        psycopg.connect(job_dsn, autocommit=True) as judge,
        ThreadPoolExecutor(1) as thread,
    ):
        application.execute("LOCK TABLE person IN ACCESS EXCLUSIVE MODE")
        building = thread.submit(run, JOB, RUN_DATE)
        wait_for("the first session to wait", lambda: sessions_that_wait(judge))
        first = job_connection.info.backend_pid
        (second,) = sessions_of_the_jobs(judge) - {first, judge.info.backend_pid}
        judge.execute("SELECT pg_terminate_backend(%s)", (first if lost == "the first" else second,))
        if lost == "the second":
            application.rollback()  # else the first waits on
        with pytest.raises(TransientError, match="PostgreSQL"):
            building.result(timeout=PATIENCE_SECONDS)
        assert sessions_that_wait(judge) == set()
    assert all_indices(elasticsearch) == indices_behind_alias(elasticsearch) == before
    with psycopg.connect(job_dsn, autocommit=True) as another:
        assert runner(another, elasticsearch)(JOB, RUN_DATE).unchanged == 10


@contextmanager
def counting_kept_waiting(tcs: Connection, first: Connection, second: Connection) -> Iterator["Future[Totals]"]:
    """The second session counts what the first one sees, and waits for a lock of the application's."""
    with psycopg.connect(tcs.info.dsn, password=tcs.info.password) as application, snapshot(first):
        application.execute("LOCK TABLE person IN ACCESS EXCLUSIVE MODE")
        with in_background(second, count_exported, PERSONS, second, export_snapshot(first), RUN_DATE) as totals:
            wait_for("the counting to wait", lambda: sessions_that_wait(tcs))
            yield totals


def test_a_lost_session_of_the_count_is_reported(tcs: Connection, job_connection: Connection, job_dsn: str) -> None:
    def count_and_lose_it() -> None:
        with counting_kept_waiting(tcs, job_connection, second) as totals:
            judge.execute("SELECT pg_terminate_backend(%s)", (second.info.backend_pid,))
            totals.result(timeout=PATIENCE_SECONDS)

    with psycopg.connect(job_dsn, autocommit=True) as judge, psycopg.connect(job_dsn, autocommit=True) as second:
        with pytest.raises(psycopg.OperationalError, match=r"administrator command|connection"):
            count_and_lose_it()
        assert second.broken


def test_a_failure_during_the_count_ends_it_at_once(tcs: Connection, job_connection: Connection, job_dsn: str) -> None:
    def fail_while_it_is_counted() -> None:
        with counting_kept_waiting(tcs, job_connection, second):
            raise ConnectionResetError

    with psycopg.connect(job_dsn, autocommit=True) as second:
        with pytest.raises(ConnectionResetError):
            fail_while_it_is_counted()
        assert sessions_that_wait(tcs) == set()
        assert second.execute("SELECT 1").fetchone() == (1,)


def sessions_that_wait(connection: Connection) -> set[int]:
    """Ids of the processes that wait for somebody's lock."""
    return {row[0] for row in connection.execute("SELECT pid FROM pg_locks WHERE NOT granted")}


def sessions_of_the_jobs(connection: Connection) -> set[int]:
    """Ids of the processes of the sessions in this database, of the connection's own role."""
    query = "SELECT pid FROM pg_stat_activity WHERE usename = current_user AND datname = current_database()"
    query += " AND backend_type = 'client backend'"
    return {row[0] for row in connection.execute(query)}
