"""Errors that may pass by themselves are transient and retried; mistakes are not."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from threading import Timer
from typing import Any

import psycopg
import pytest
from elasticsearch import Elasticsearch
from psycopg import sql

from local.postgres import Postgres
from sync_jobs.catalogue import find_job
from sync_jobs.errors import BadArgument, SyncJobError, TransientError
from sync_jobs.runner import run_job
from sync_jobs.search import index_alias
from tests.application import Application
from tests.awkward_data import Connection
from tests.comparison import RunJob, runner

RUN_DATE = date(2026, 3, 10)
JOB = "PostFundingStatusSyncJob"


def run_with(dsn: str, client: Elasticsearch, options: str = "") -> None:
    with psycopg.connect(dsn, options=options) as connection:
        run_job(find_job(JOB), postgres=connection, elasticsearch=client, run_date=RUN_DATE)


def add_a_post_to_change(tcs: Connection) -> None:
    tcs.execute("INSERT INTO post (id, funding_status) VALUES (1, 'CURRENT')")
    tcs.execute("INSERT INTO post_funding VALUES (1, 1, 'Tariff', '2020-01-01', '2026-03-09')")


def test_a_row_that_another_writer_keeps_locked_is_a_transient_error(
    tcs: Connection, job_dsn: str, elasticsearch: Elasticsearch
) -> None:
    add_a_post_to_change(tcs)
    with tcs.transaction():
        tcs.execute("SELECT id FROM post FOR UPDATE")
        with pytest.raises(TransientError, match="LockNotAvailable 55P03"):
            run_with(job_dsn, elasticsearch, "-c lock_timeout=100ms")
    run_with(job_dsn, elasticsearch)
    assert tcs.execute("SELECT funding_status FROM post").fetchall() == [("INACTIVE",)]


def commit_after_a_second(connection: Connection) -> Timer:
    commit = Timer(1, connection.execute, ["COMMIT"])
    commit.start()
    return commit


@pytest.mark.parametrize("job", ["PostFundingStatusSyncJob", "PersonRecordStatusJob"])
def test_a_row_that_the_application_changed_meanwhile_is_still_written(tcs: Connection, run: RunJob, job: str) -> None:
    """The job waits for the application, and leaves what that has written."""
    add_a_post_to_change(tcs)
    tcs.execute("INSERT INTO person (id, status) VALUES (1, 'CURRENT')")
    tcs.execute(
        "INSERT INTO programme_membership (uuid, person_id, programme_end_date)"
        " VALUES (gen_random_uuid(), 1, '2026-03-09')"
    )
    tcs.execute("BEGIN")
    tcs.execute("UPDATE post SET owner = 'Health Education England Wessex'")
    tcs.execute("UPDATE person SET role = 'DR in Training'")
    commit = commit_after_a_second(tcs)
    assert run(job, RUN_DATE).changed == 1
    commit.join()
    query = "SELECT post.owner, post.funding_status, person.role, person.status FROM post, person"
    inactive = ("INACTIVE", "CURRENT") if job == JOB else ("CURRENT", "INACTIVE")
    assert tcs.execute(query).fetchone() == (
        *("Health Education England Wessex", inactive[0]),
        *("DR in Training", inactive[1]),
    )


def test_a_conflict_with_another_writer_on_the_jobs_own_rows_is_a_transient_error(tcs: Connection, run: RunJob) -> None:
    """The job waits for the other writer; once that commits, its own snapshot is out of date."""
    tcs.execute("INSERT INTO person (id) VALUES (1)")
    tcs.execute("INSERT INTO person_owner VALUES (1, 'Wessex', 'P1')")
    tcs.execute("BEGIN")
    tcs.execute("UPDATE person_owner SET owner = 'London LETBs'")
    commit = commit_after_a_second(tcs)
    with pytest.raises(TransientError, match="SerializationFailure 40001"):
        run("PersonOwnerRebuildJob", RUN_DATE)
    commit.join()
    assert run("PersonOwnerRebuildJob", RUN_DATE).changed == 1


def test_a_run_on_a_plain_connection_gets_time_limits(job_connection: Connection, run: RunJob) -> None:
    assert limits(job_connection) == ["0", "0", "0"]
    run(JOB, RUN_DATE)
    assert limits(job_connection) == ["1min", "2h", "10s"]


def test_time_limits_of_the_caller_are_kept(job_dsn: str, elasticsearch: Elasticsearch) -> None:
    with psycopg.connect(job_dsn, options="-c lock_timeout=0 -c statement_timeout=5s") as connection:
        connection.execute("SET client_connection_check_interval = '3s'")
        connection.commit()
        run_job(find_job(JOB), postgres=connection, elasticsearch=elasticsearch, run_date=RUN_DATE)
        assert limits(connection) == ["0", "5s", "3s"]


def limits(connection: Connection) -> list[str]:
    names = ("lock_timeout", "statement_timeout", "client_connection_check_interval")
    return [connection.execute(f"SHOW {name}").fetchall()[0][0] for name in names]


def test_no_limit_of_the_server_ends_a_build_that_waits_for_elasticsearch(
    tcs: Connection, job_dsn: str, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first session waits in its transaction meanwhile, the second outside of any."""
    Application(tcs, elasticsearch).add(range(1, 4))
    make_searchable = index_alias.make_searchable

    def after_a_while(*arguments: Any) -> None:
        time.sleep(1)
        make_searchable(*arguments)

    monkeypatch.setattr(index_alias, "make_searchable", after_a_while)
    limits = ("transaction_timeout", "idle_session_timeout", "idle_in_transaction_session_timeout")
    options = " ".join(f"-c {limit}=600ms" for limit in limits)
    with psycopg.connect(job_dsn, options=options, autocommit=True) as connection:
        assert runner(connection, elasticsearch)("PersonElasticSearchSyncJob", RUN_DATE).added == 3


@pytest.mark.parametrize("state", ["25P03", "25P04", "57P05"])
def test_a_session_that_the_server_timed_out_is_a_transient_error(
    run: RunJob, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    def ended(*_: object, **__: object) -> None:
        raise psycopg.errors.lookup(state)

    monkeypatch.setattr("sync_jobs.jobs.post_funding_status.read_committed", ended)
    with pytest.raises(TransientError, match=state):
        run(JOB, RUN_DATE)


@pytest.mark.parametrize("preference", ["DateStyle=SQL,DMY", "client_encoding=LATIN1", "client_encoding=SQL_ASCII"])
@pytest.mark.parametrize("job", ["PersonElasticSearchSyncJob", "PersonRecordStatusJob", JOB])
def test_text_and_date_settings_of_the_role_make_no_difference(
    tcs: Connection, job_dsn: str, elasticsearch: Elasticsearch, job: str, preference: str
) -> None:
    """The names of the application's persons are in no single alphabet."""
    Application(tcs, elasticsearch).add(range(1, 4))
    tcs.execute("UPDATE contact_details SET surname = 'Łukasiewicz-Ωmega'")
    add_a_post_to_change(tcs)
    with psycopg.connect(job_dsn, options=f"-c {preference}", autocommit=True) as connection:
        runner(connection, elasticsearch)("PersonElasticSearchSyncJob", RUN_DATE)
        runner(connection, elasticsearch)(job, RUN_DATE)


def test_a_statement_that_takes_too_long_is_a_transient_error(
    tcs: Connection, job_dsn: str, elasticsearch: Elasticsearch
) -> None:
    with tcs.transaction():
        tcs.execute("LOCK TABLE post IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(TransientError, match="QueryCanceled 57014"):
            run_with(job_dsn, elasticsearch, "-c statement_timeout=100ms")


def test_a_lost_connection_is_a_transient_error(job_dsn: str, job_connection: Connection, run: RunJob) -> None:
    process = job_connection.info.backend_pid
    with psycopg.connect(job_dsn) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (process,))
    with pytest.raises(TransientError, match="PostgreSQL"):
        run(JOB, RUN_DATE)


@pytest.fixture
def dsn_of_one_connection(postgres_server: Postgres, database: str) -> Iterator[str]:
    """The DSN of a role with the rights of the jobs that may have one connection at a time."""
    role = f"once_{database}"
    with psycopg.connect(postgres_server.dsn("postgres", database), autocommit=True) as administrator:
        statement = "CREATE ROLE {} LOGIN CONNECTION LIMIT 1 PASSWORD 'once' IN ROLE sync_jobs"
        administrator.execute(sql.SQL(statement).format(sql.Identifier(role)))
        yield replace(postgres_server, passwords={role: "once"}).dsn(role, database)
        administrator.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_a_refused_second_connection_is_a_transient_error_with_the_servers_reason(
    dsn_of_one_connection: str, elasticsearch: Elasticsearch
) -> None:
    words = "FATAL: +too many connections for role .* has connections left .*needs two"
    with (
        psycopg.connect(dsn_of_one_connection, autocommit=True) as connection,
        pytest.raises(TransientError, match=words) as caught,
    ):
        runner(connection, elasticsearch)("PersonElasticSearchSyncJob", RUN_DATE)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_connection_inside_a_transaction_is_refused_and_its_transaction_stays_open(
    job_dsn: str, elasticsearch: Elasticsearch
) -> None:
    with psycopg.connect(job_dsn) as connection:
        connection.execute("SELECT 1")
        with pytest.raises(BadArgument, match="outside of any transaction"):
            run_job(find_job(JOB), postgres=connection, elasticsearch=elasticsearch, run_date=RUN_DATE)
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS


def test_an_error_that_the_driver_finds_is_not_transient(run: RunJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def misuse(*_: object, **__: object) -> None:
        raise psycopg.ProgrammingError("the query has 2 placeholders but 1 parameters were passed")

    monkeypatch.setattr("sync_jobs.jobs.post_funding_status.read_committed", misuse)
    with pytest.raises(SyncJobError, match="ProgrammingError, the query has 2 placeholders") as caught:
        run(JOB, RUN_DATE)
    assert not isinstance(caught.value, TransientError)


def test_a_missing_table_is_a_permanent_error(tcs: Connection, run: RunJob) -> None:
    tcs.execute("DROP TABLE post_funding")
    with pytest.raises(SyncJobError, match="UndefinedTable 42P01") as caught:
        run(JOB, RUN_DATE)
    assert not isinstance(caught.value, TransientError)


def test_no_message_quotes_a_row(tcs: Connection, run: RunJob) -> None:
    tcs.execute("INSERT INTO person (id) VALUES (4711)")
    tcs.execute("ALTER TABLE person_owner ADD CONSTRAINT refuses CHECK (id <> 4711)")
    with pytest.raises(SyncJobError, match="CheckViolation 23514") as caught:
        run("PersonOwnerRebuildJob", RUN_DATE)
    assert "4711" not in str(caught.value)
    assert caught.value.__cause__ is None
