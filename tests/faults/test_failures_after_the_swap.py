"""A server is lost after the swap: the error says that the new index is live, and not that it will be removed."""

from datetime import date
from typing import Any

import psycopg
import pytest
from elastic_transport import ConnectionError as SearchConnectionError
from elasticsearch import Elasticsearch

from sync_jobs.errors import SyncJobError, TransientError
from sync_jobs.search import build, index_alias
from tests.application import Application
from tests.awkward_data import Connection
from tests.comparison import indices_behind_alias, runner

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)


def end_session(dsn: str, connection: Connection) -> None:
    """As if the connection had been lost: the server ends it."""
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))


@pytest.mark.parametrize("lost", ["PostgreSQL", "Elasticsearch"])
def test_after_a_server_lost_after_the_swap_the_error_says_the_new_index_is_live_and_the_next_run_covers_the_rest(
    tcs: Connection,
    job_connection: Connection,
    job_dsn: str,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    lost: str,
) -> None:
    application = Application(tcs, elasticsearch)
    application.add(range(1, 11))
    runner(job_connection, elasticsearch)(JOB, RUN_DATE)
    (before,) = indices_behind_alias(elasticsearch)
    cover_the_swap = build.cover_the_swap

    def unreachable(*_: Any) -> Any:
        raise SearchConnectionError("refused")

    def cover(*arguments: Any) -> int:
        if lost == "Elasticsearch":
            patch.setattr(index_alias, "find_live", unreachable)
            unreachable()
        end_session(job_dsn, job_connection)
        return cover_the_swap(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(build, "cover_the_swap", cover)
        with pytest.raises(
            TransientError, match=rf"{lost}.*\. The new index persons-\S+ is live\. It may lack only"
        ) as caught:
            runner(job_connection, elasticsearch)(JOB, RUN_DATE)
    (live,) = indices_behind_alias(elasticsearch)
    assert live != before
    assert live in str(caught.value)
    assert not [line for line in caplog.messages if line.endswith("the next build removes it")]
    with psycopg.connect(job_dsn, autocommit=True) as another:
        assert runner(another, elasticsearch)(JOB, RUN_DATE).unchanged == 10


def test_after_a_connection_lost_at_the_end_of_the_snapshot_the_error_says_the_new_index_is_live(
    job_connection: Connection, job_dsn: str, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    cover_the_swap = build.cover_the_swap

    def cover_and_lose_the_connection(*arguments: Any) -> int:
        made = cover_the_swap(*arguments)
        end_session(job_dsn, job_connection)
        return made

    monkeypatch.setattr(build, "cover_the_swap", cover_and_lose_the_connection)
    with pytest.raises(TransientError, match="It may lack only edits made around the swap"):
        runner(job_connection, elasticsearch)(JOB, RUN_DATE)
    assert len(indices_behind_alias(elasticsearch)) == 1


@pytest.mark.parametrize("lost", ["PostgreSQL", "Elasticsearch"])
def test_after_a_server_lost_in_the_last_step_the_error_says_the_new_index_is_live_and_up_to_date(
    job_connection: Connection,
    job_dsn: str,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    lost: str,
) -> None:
    def lose(*_: Any) -> list[str]:
        if lost == "Elasticsearch":
            raise SearchConnectionError("refused")
        end_session(job_dsn, job_connection)
        return []

    monkeypatch.setattr(index_alias, "prune", lose)
    with pytest.raises(TransientError, match=rf"{lost}.*\. The new index \S+ is live and up to date; ") as caught:
        runner(job_connection, elasticsearch)(JOB, RUN_DATE)
    (live,) = indices_behind_alias(elasticsearch)
    assert live in str(caught.value)
    assert "not touched" not in str(caught.value)


def test_a_refusal_after_the_swap_is_not_transient(
    job_connection: Connection, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> int:
        raise psycopg.errors.InsufficientPrivilege("no right")

    monkeypatch.setattr(build, "cover_the_swap", refused)
    with pytest.raises(SyncJobError, match="It may lack only edits made around the swap") as caught:
        runner(job_connection, elasticsearch)(JOB, RUN_DATE)
    assert not isinstance(caught.value, TransientError)
