"""Jobs through PgBouncer: in session mode they work, in the other modes they refuse, because their lock would leak."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import Connection as AirflowConnection
from elasticsearch import Elasticsearch

from local.ports import HOST
from local.postgres import Postgres
from sync_airflow.connections import open_postgres
from sync_jobs.errors import AccessRefused, TransientError, UnsupportedServer
from tests.application import Application
from tests.awkward_data import Connection
from tests.comparison import runner
from tests.pgbouncer import ROLE, pgbouncer

RUN_DATE = date(2026, 3, 10)
JOB = "PersonOwnerRebuildJob"

# Opens tcs_postgres through a PgBouncer with these settings, and with that extra.
Through = Callable[..., AbstractContextManager[Connection]]


@pytest.fixture
def through(postgres_server: Postgres, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Through:
    @contextmanager
    def through(extra: dict[str, Any] | None = None, **settings: object) -> Iterator[Connection]:
        with pgbouncer(tmp_path / "pgbouncer", postgres_server, database, **settings) as port:
            made = AirflowConnection(
                conn_id="tcs_postgres", conn_type="postgres", host=HOST, port=port, login=ROLE,
                password=postgres_server.passwords[ROLE], schema=database, extra=json.dumps(extra or {}),
            )  # fmt: skip
            monkeypatch.setattr(PostgresHook, "get_connection", lambda *_: made)
            with open_postgres("job run", timedelta(hours=1)) as connection:
                yield connection

    return through


def test_all_jobs_work_in_session_mode(tcs: Connection, through: Through, elasticsearch: Elasticsearch) -> None:
    Application(tcs, elasticsearch).add(range(1, 4))
    with through() as connection:
        run = runner(connection, elasticsearch)
        assert run(JOB, RUN_DATE).read == 3
        assert run("PersonElasticSearchSyncJob", RUN_DATE).added == 3
        assert run("PersonRecordStatusJob", RUN_DATE, date_override="ANY").refreshed == 0
    assert tcs.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


@pytest.mark.parametrize(
    "settings",
    [
        {"pool_mode": "transaction"},
        {"pool_mode": "transaction", "default_pool_size": 1},
        {"pool_mode": "transaction", "server_round_robin": 1, "min_pool_size": 3},
        {"pool_mode": "statement"},
    ],
)
def test_a_job_refuses_a_pooler_that_shares_its_sessions(
    tcs: Connection, through: Through, elasticsearch: Elasticsearch, settings: dict[str, object]
) -> None:
    with (
        through(**settings) as connection,
        pytest.raises(UnsupportedServer, match="such as PgBouncer in transaction mode"),
    ):
        runner(connection, elasticsearch)(JOB, RUN_DATE)
    assert tcs.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


def test_a_startup_parameter_that_pgbouncer_refuses_is_named(through: Through) -> None:
    with (
        pytest.raises(AccessRefused, match=r"unsupported startup parameter.*options.*remove it from extra"),
        through({"options": "-c work_mem=64MB"}),
    ):
        pass


@pytest.mark.parametrize(("settings", "within"), [({}, "1 s"), ({"query_wait_timeout": 1}, "its query_wait_timeout")])
def test_a_pool_without_a_second_session_is_named(
    through: Through,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, object],
    within: str,
) -> None:
    monkeypatch.setattr("sync_jobs.postgres.pooler.POOLER_SECONDS", 10.0 if settings else 1.0)
    with (
        through(default_pool_size=1, **settings) as connection,
        pytest.raises(TransientError, match=f"gave no second session within {within}"),
    ):
        runner(connection, elasticsearch)(JOB, RUN_DATE)
