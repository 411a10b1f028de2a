"""A session of a build is lost while PostgreSQL counts and makes the first document: nothing is left, nothing hangs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import psycopg
import pytest
from elasticsearch import Elasticsearch

from sync_jobs.errors import TransientError
from tests.application import Application
from tests.awkward_data import Connection
from tests.comparison import all_indices, indices_behind_alias, runner
from tests.waiting import wait_for

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)


@pytest.mark.parametrize("lost", ["the first", "the second"])
def test_a_build_that_loses_a_session_fails_at_once_and_the_next_one_succeeds(
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
        waiting = wait_for("both sessions to wait", lambda: sessions_that_wait(judge, 2), seconds=20)
        first = job_connection.info.backend_pid
        (second,) = waiting - {first}
        judge.execute("SELECT pg_terminate_backend(%s)", (first if lost == "the first" else second,))
        if lost == "the second":
            application.rollback()  # else the first waits on
        with pytest.raises(TransientError, match="PostgreSQL"):
            building.result(timeout=20)
        assert sessions_that_wait(judge) == set()
    assert all_indices(elasticsearch) == indices_behind_alias(elasticsearch) == before
    with psycopg.connect(job_dsn, autocommit=True) as another:
        assert runner(another, elasticsearch)(JOB, RUN_DATE).unchanged == 10


def sessions_that_wait(connection: Connection, number: int = 0) -> set[int]:
    """Ids of the processes that wait for somebody's lock, if there are so many."""
    found = {row[0] for row in connection.execute("SELECT pid FROM pg_locks WHERE NOT granted")}
    return found if len(found) >= number else set()
