"""Work with one connection beside other work, and what becomes of it if that fails."""

import time

import psycopg
import pytest

from sync_jobs.postgres.background import in_background
from tests.awkward_data import Connection


def test_the_result_comes_from_the_other_thread(job_connection: Connection) -> None:
    with in_background(job_connection, lambda: job_connection.execute("SELECT 7").fetchone()) as row:
        assert row.result() == (7,)


def test_work_that_is_between_two_statements_when_all_else_fails_is_ended_too(job_connection: Connection) -> None:
    def pause_and_sleep() -> None:
        time.sleep(0.7)
        job_connection.execute("SELECT pg_sleep(60)")

    started = time.monotonic()
    with pytest.raises(ZeroDivisionError), in_background(job_connection, pause_and_sleep):
        raise ZeroDivisionError
    assert time.monotonic() - started < 20
    assert job_connection.execute("SELECT 1").fetchone() == (1,)


def test_an_error_is_told_as_it_is_though_the_connection_is_gone(job_connection: Connection) -> None:
    def lose_the_session() -> None:
        job_connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    def fail_after_that() -> None:
        with in_background(job_connection, lose_the_session) as lost:
            assert isinstance(lost.exception(timeout=20), psycopg.OperationalError)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_that()
