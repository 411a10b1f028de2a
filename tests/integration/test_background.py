"""Work on a connection beside other work, and how it ends if the other work fails."""

import time

import psycopg
import pytest

from sync_jobs.postgres.background import in_background
from tests.awkward_data import Connection
from tests.waiting import PATIENCE_SECONDS


def test_the_result_comes_from_the_other_thread(job_connection: Connection) -> None:
    with in_background(job_connection, lambda: job_connection.execute("SELECT 7").fetchone()) as row:
        assert row.result() == (7,)


def test_background_work_between_two_statements_ends_when_the_rest_fails(job_connection: Connection) -> None:
    def pause_and_sleep() -> None:
        time.sleep(0.7)
        job_connection.execute("SELECT pg_sleep(60)")

    started = time.monotonic()
    with pytest.raises(ZeroDivisionError), in_background(job_connection, pause_and_sleep):
        raise ZeroDivisionError
    assert time.monotonic() - started < 50
    assert job_connection.execute("SELECT 1").fetchone() == (1,)


def test_an_error_is_raised_unchanged_even_if_the_connection_is_lost(job_connection: Connection) -> None:
    def lose_the_session() -> None:
        job_connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    def fail_after_that() -> None:
        with in_background(job_connection, lose_the_session) as lost:
            assert isinstance(lost.exception(timeout=PATIENCE_SECONDS), psycopg.OperationalError)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_that()
