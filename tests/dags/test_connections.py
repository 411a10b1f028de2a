"""The connections of the jobs, opened from Airflow connections."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from local.ports import any_free_port
from sync_airflow.connections import elasticsearch_arguments, open_elasticsearch, open_postgres, postgres_options
from sync_jobs.errors import AccessRefused, SyncJobError, TransientError

# Opens tcs_postgres with these parts of its address replaced, and returns the error.
Refused = Callable[..., SyncJobError]


def connection(extra: dict[str, Any] | None = None, **fields: Any) -> Connection:
    return Connection(
        conn_id="tcs_elasticsearch", conn_type="elasticsearch", extra=json.dumps(extra) if extra else None, **fields
    )


@pytest.mark.parametrize(
    ("host", "schema", "port", "hosts"),
    [
        ("search", None, None, ["http://search:9200"]),
        ("search", "https", 9243, ["https://search:9243"]),
        (" one , two,", "https", 9200, ["https://one:9200", "https://two:9200"]),
        ("one:9201,two", "http", 9200, ["http://one:9201", "http://two:9200"]),
        ("https://one:443/,two", "http", 9200, ["https://one:443", "http://two:9200"]),
        ("[::1],[::1]:9201", "http", 9200, ["http://[::1]:9200", "http://[::1]:9201"]),
    ],
)
def test_hosts_without_scheme_or_port_get_those_of_the_connection(
    host: str, schema: str | None, port: int | None, hosts: list[str]
) -> None:
    assert elasticsearch_arguments(connection(host=host, schema=schema, port=port))[0] == hosts


def test_login_and_password_are_basic_authentication() -> None:
    made_up = "p:@/ w"
    _, arguments = elasticsearch_arguments(connection(host="search", login="sync_jobs", password=made_up))
    assert arguments["basic_auth"] == ("sync_jobs", made_up)


def test_an_api_key_replaces_login_and_password() -> None:
    _, arguments = elasticsearch_arguments(connection({"api_key": "key"}, host="search", login="sync_jobs"))
    assert arguments["api_key"] == "key"
    assert "basic_auth" not in arguments


def test_extra_may_hold_any_argument_of_the_client() -> None:
    extra = {"ca_certs": "/etc/ca.pem", "verify_certs": "false", "request_timeout": 30, "ssl_show_warn": False}
    _, arguments = elasticsearch_arguments(connection(extra, host="search"))
    assert arguments == extra | {"verify_certs": False}


def test_without_extra_the_request_timeout_is_longer_than_the_clients_default() -> None:
    assert elasticsearch_arguments(connection(host="search"))[1] == {"request_timeout": 120}


@pytest.mark.parametrize(
    ("fields", "what"), [({"host": " ,"}, "host is empty"), ({"host": "a", "schema": "ftp"}, "ftp")]
)
def test_an_invalid_connection_is_refused_before_it_is_used(fields: dict[str, Any], what: str) -> None:
    with pytest.raises(AirflowFailException, match=what):
        elasticsearch_arguments(connection(**fields))


def test_the_session_names_job_and_run_and_limits_its_statements() -> None:
    options = postgres_options("PersonOwnerRebuildJob manual__2024-02-29T01:02:03+00:00", timedelta(hours=2))
    assert conninfo_to_dict(options=options)["options"] == options
    assert options == (
        r"-c application_name=PersonOwnerRebuildJob\ manual__2024-02-29T01:02:03+00:00 -c statement_timeout=7200000ms"
    )


def test_a_long_application_name_is_truncated_as_postgresql_would_do_it() -> None:
    assert f"application_name={'x' * 63} " in postgres_options("x" * 100, timedelta(hours=1))


def test_the_log_of_a_job_has_no_line_for_each_request_to_elasticsearch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "get", lambda _: connection(host="search"))
    logger = logging.getLogger("elastic_transport.transport")
    with open_elasticsearch():
        assert not logger.isEnabledFor(logging.INFO)
        assert logger.isEnabledFor(logging.WARNING)


class Postgres:
    """Stands in for a psycopg connection."""

    autocommit = False
    closed = False
    cancelled = False

    def __init__(self, status: TransactionStatus = TransactionStatus.IDLE) -> None:
        self.info = SimpleNamespace(transaction_status=status)

    def cancel_safe(self, *, timeout: float) -> None:
        assert not self.closed
        assert timeout < 5, "Airflow kills a stopped task after 5 s"
        self.cancelled = True

    def close(self) -> None:
        self.closed = True


def test_a_postgres_session_is_in_autocommit_has_our_settings_and_is_closed_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: dict[str, Any] = {}

    def connect(_hook: PostgresHook, arguments: dict[str, Any]) -> Postgres:
        made.update(arguments)
        return Postgres()

    extra = json.dumps({"options": "-c work_mem=64MB -c statement_timeout=0", "sslmode": "require"})
    airflow_connection = Connection(conn_id="tcs_postgres", conn_type="postgres", host="db", schema="tcs", extra=extra)
    monkeypatch.setattr(PostgresHook, "get_connection", lambda *_: airflow_connection)
    monkeypatch.setattr(PostgresHook, "_create_connection", connect)
    with open_postgres("job run", timedelta(hours=1)) as postgres:
        assert postgres.autocommit
        assert not postgres.closed
    assert postgres.closed
    assert not cast(Postgres, postgres).cancelled
    assert made["sslmode"] == "require"
    # The last one counts: settings of the connection stay, except those that the jobs rely on.
    assert made["options"].startswith("-c work_mem=64MB -c statement_timeout=0 -c application_name=job")
    assert made["options"].endswith("-c statement_timeout=3600000ms")


def test_a_statement_that_was_interrupted_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow_connection = Connection(conn_id="tcs_postgres", conn_type="postgres", host="db", schema="tcs")
    monkeypatch.setattr(PostgresHook, "get_connection", lambda *_: airflow_connection)
    monkeypatch.setattr(PostgresHook, "_create_connection", lambda *_: Postgres(TransactionStatus.ACTIVE))
    with open_postgres("job run", timedelta(hours=1)) as postgres:
        pass
    assert cast(Postgres, postgres).cancelled
    assert postgres.closed


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, job_dsn: str) -> Refused:
    """Opens tcs_postgres with these parts of its address replaced, and returns the error."""
    server = conninfo_to_dict(job_dsn)

    def refused(**differently: Any) -> SyncJobError:
        parts = server | differently
        fields = {"login": parts["user"], "password": parts["password"], "schema": parts["dbname"]}
        made = Connection(
            conn_id="tcs_postgres", conn_type="postgres", host=parts["host"], port=int(parts["port"]), **fields
        )
        monkeypatch.setattr(PostgresHook, "get_connection", lambda *_: made)
        with pytest.raises(SyncJobError) as caught, open_postgres("job run", timedelta(hours=1)):
            pass
        assert caught.value.__cause__ is None
        return caught.value

    return refused


@pytest.mark.parametrize(
    ("differently", "words"),
    [
        ({"password": "wrong"}, 'password authentication failed for user "sync_jobs"'),
        ({"user": "nobody"}, 'password authentication failed for user "nobody"'),
        ({"dbname": "elsewhere"}, 'database "elsewhere" does not exist'),
    ],
)
def test_an_error_in_the_connection_is_reported_in_the_servers_words_and_not_retried(
    refused: Refused, differently: dict[str, str], words: str
) -> None:
    error = refused(**differently)
    assert type(error) is AccessRefused
    assert f"{words}. Correct the connection" in str(error)
    assert differently.get("password", "\n") not in str(error)


def test_a_task_is_retried_if_postgresql_is_down(refused: Refused) -> None:
    error = refused(port=any_free_port())
    assert type(error) is TransientError
    assert "Connection refused. Make sure that it is running" in str(error)


def test_a_missing_airflow_connection_is_named_and_not_retried() -> None:
    with pytest.raises(AirflowFailException, match="tcs_postgres is missing"), open_postgres("x", timedelta(hours=1)):
        pass
