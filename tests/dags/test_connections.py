"""The connections of the jobs, opened from Airflow connections."""

import base64
import json
import logging
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException
from elasticsearch import Elasticsearch
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from local.ports import HOST, any_free_port
from sync_airflow.connections import elasticsearch_arguments, open_elasticsearch, open_postgres
from sync_jobs.errors import AccessRefused, SyncJobError, TransientError

# Opens tcs_postgres with these parts of its address replaced, and returns the error.
Refused = Callable[..., SyncJobError]
Opened = Callable[..., AbstractContextManager[psycopg.Connection[Any]]]


def connection(extra: dict[str, Any] | None = None, **fields: Any) -> Connection:
    return Connection(
        conn_id="tcs_elasticsearch", conn_type="elasticsearch", extra=json.dumps(extra) if extra else None, **fields
    )


@pytest.mark.parametrize(
    ("host", "schema", "port", "hosts"),
    [
        ("search", None, None, ["http://search:9200"]),
        ("search", "https", 9243, ["https://search:9243"]),
        ("search", "HTTPS", None, ["https://search:9200"]),
        ("search:9201", "https", 9243, ["https://search:9201"]),
        ("search/es", None, None, ["http://search:9200/es"]),
        (" one , two,", "https", 9200, ["https://one:9200", "https://two:9200"]),
        ("one:9201,two", "http", 9200, ["http://one:9201", "http://two:9200"]),
        ("https://one:443/,two", "http", 9200, ["https://one:443", "http://two:9200"]),
        ("https://search", None, None, ["https://search:443"]),
        ("http://search", None, None, ["http://search:80"]),
        ("https://search", None, 9243, ["https://search:9243"]),
        ("HTTPS://Search:9200", "http", None, ["https://search:9200"]),
        ("https://proxy/search/es/", None, None, ["https://proxy:443/search/es"]),
        ("https://proxy:8443/es", None, 9200, ["https://proxy:8443/es"]),
        ("https://a1b2.es.europe-west2.gcp.cloud.example", None, None, None),
        ("10.0.0.7", None, None, ["http://10.0.0.7:9200"]),
        ("::1", None, None, ["http://[::1]:9200"]),
        ("fe80::1:2", "https", 9243, ["https://[fe80::1:2]:9243"]),
        ("[::1],[::1]:9201", "http", 9200, ["http://[::1]:9200", "http://[::1]:9201"]),
        ("https://[::1]", None, None, ["https://[::1]:443"]),
        ("https://[::1]:9201/es", None, None, ["https://[::1]:9201/es"]),
    ],
)
def test_one_host_or_several_in_every_form(
    host: str, schema: str | None, port: int | None, hosts: list[str] | None
) -> None:
    found = elasticsearch_arguments(connection(host=host, schema=schema, port=port))[0]
    assert found == (hosts or [f"{host}:443"])
    with Elasticsearch(found) as client:
        assert {node.base_url for node in client.transport.node_pool.all()} == set(found)


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("https://sync:p%40ss@search", "https://search:443"),
        ("https://sync:p%40ss@search:9243/es", "https://search:9243/es"),
        ("http://sync:p%40ss@[::1]:9200", "http://[::1]:9200"),
        ("http://sync:p%40ss@search:9200/https", "https://search:9200"),
        ("elasticsearch://sync:p%40ss@search/https", "https://search:9200"),
        ("elasticsearch://sync:p%40ss@[::1]:9201/https", "https://[::1]:9201"),
    ],
)
def test_a_connection_of_the_environment_may_be_a_url(uri: str, url: str) -> None:
    hosts, arguments = elasticsearch_arguments(Connection.from_uri(uri, conn_id="tcs_elasticsearch"))
    assert hosts == [url]
    assert arguments["basic_auth"] == ("sync", "p@ss")


@pytest.mark.parametrize("host", ["https://sync:p%40ss@search:9200", "sync:p%40ss@search:9200", "sync:p%40ss@[::1]"])
def test_user_and_password_of_a_host_are_basic_authentication_and_not_part_of_the_url(host: str) -> None:
    hosts, arguments = elasticsearch_arguments(connection(host=host))
    assert arguments["basic_auth"] == ("sync", "p@ss")
    assert "@" not in hosts[0]


def test_login_and_password_win_over_those_of_a_host() -> None:
    made_up = "secret"
    _, arguments = elasticsearch_arguments(connection(host="https://a:b@search", login="sync", password=made_up))
    assert arguments["basic_auth"] == ("sync", made_up)


def test_an_api_key_wins_over_the_user_of_a_host() -> None:
    _, arguments = elasticsearch_arguments(connection({"api_key": "key"}, host="https://a:b@search"))
    assert "basic_auth" not in arguments


def test_a_cloud_id_takes_the_place_of_the_host() -> None:
    encoded = base64.b64encode(b"cloud.example:9243$uuid$kibana").decode()
    hosts, arguments = elasticsearch_arguments(connection({"cloud_id": f"name:{encoded}"}))
    assert hosts == ["https://uuid.cloud.example:9243"]
    assert "cloud_id" not in arguments


@pytest.mark.parametrize(
    ("extra", "fields", "words"),
    [
        ({}, {"host": "https://a:secret@one,https://b:secret@two"}, "different users or passwords"),
        ({}, {"host": "https://a:secret@search:port"}, "expected a host as name"),
        ({}, {"host": "search:99999"}, "expected a host as name"),
        ({}, {"host": "[::1"}, "expected a host as name"),
        ({}, {"host": "two words"}, "expected a host as name"),
        ({}, {"host": "https://"}, "expected a host as name"),
        ({}, {"host": "https://search?x=1"}, "expected a host as name"),
        ({}, {"host": "ftp://search"}, "expected the schema http or https, got 'ftp'"),
        ({}, {}, "at least one node in host, or a cloud_id"),
        ({"cloud_id": "x"}, {"host": "search"}, "and not both"),
        ({"cloud_id": "nonsense"}, {}, "cloud_id in extra"),
        ({"request_timeout": "soon"}, {"host": "search"}, "request_timeout in extra: expected seconds"),
        ({"request_timeout": 0}, {"host": "search"}, "request_timeout in extra: expected seconds"),
    ],
)
def test_an_invalid_host_is_refused_without_showing_its_password(
    extra: dict[str, Any], fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(AirflowFailException, match=words) as caught:
        elasticsearch_arguments(connection(extra, **fields))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("extra", "seconds"), [(None, 120), ("", 120), (30, 30), ("30", 30), (1.5, 1.5)])
def test_a_request_never_waits_forever(extra: Any, seconds: float) -> None:
    _, arguments = elasticsearch_arguments(connection({"request_timeout": extra}, host="search"))
    assert arguments["request_timeout"] == seconds


@pytest.mark.parametrize("extra", ["[1]", '"text"', "null"])
def test_an_extra_that_is_not_an_object_is_refused(monkeypatch: pytest.MonkeyPatch, extra: str) -> None:
    made = Connection(conn_id="tcs_postgres", conn_type="postgres", host="db", extra=extra)
    monkeypatch.setattr(PostgresHook, "get_connection", lambda *_: made)
    with pytest.raises(AirflowFailException, match="expected extra as a JSON object"):
        elasticsearch_arguments(made)
    with pytest.raises(AirflowFailException, match="expected extra as a JSON object"), open_postgres("x", timedelta(1)):
        pass


@pytest.mark.parametrize(
    ("host", "schema", "words"),
    [
        ("://search", None, "expected the schema http or https, got ''"),
        ('["http://one"]', None, "expected the schema http or https, got ''"),
        ("search", "our server", "expected the schema http or https, got 'our server'"),
    ],
)
def test_the_schema_that_was_found_is_named(host: str, schema: str | None, words: str) -> None:
    with pytest.raises(AirflowFailException, match=words):
        elasticsearch_arguments(connection(host=host, schema=schema))


def test_blanks_around_the_schema_change_nothing() -> None:
    assert elasticsearch_arguments(connection(host="search", schema=" https "))[0] == ["https://search:9200"]


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
    ("fields", "what"), [({"host": " ,"}, "at least one node in host"), ({"host": "a", "schema": "ftp"}, "ftp")]
)
def test_an_invalid_connection_is_refused_before_it_is_used(fields: dict[str, Any], what: str) -> None:
    with pytest.raises(AirflowFailException, match=what):
        elasticsearch_arguments(connection(**fields))


@pytest.mark.parametrize("schema", ["http", "https"])
def test_connections_to_elasticsearch_have_keepalives(monkeypatch: pytest.MonkeyPatch, schema: str) -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(Connection, "get", lambda _: connection(host=HOST, schema=schema, port=port))
        with open_elasticsearch() as client:
            (node,) = client.transport.node_pool.all()
            raw = cast(Any, node).pool._new_conn()._new_conn()
            with raw:
                assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
                assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_the_log_of_a_job_has_no_line_for_each_request_to_elasticsearch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "get", lambda _: connection(host="search"))
    logging.getLogger("elastic_transport").setLevel(logging.INFO)
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

    def execute(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, job_dsn: str) -> Opened:
    """Opens tcs_postgres with this extra: a session of a job."""
    server = conninfo_to_dict(job_dsn)

    def opened(extra: dict[str, Any], name: str = "job run") -> AbstractContextManager[psycopg.Connection[Any]]:
        made = Connection(
            conn_id="tcs_postgres", conn_type="postgres", host=str(server["host"]), port=int(server["port"] or 0),
            login=str(server["user"]), password=str(server["password"]), schema=str(server["dbname"]),
            extra=json.dumps(extra),
        )  # fmt: skip
        monkeypatch.setattr(PostgresHook, "get_connection", lambda *_: made)
        return open_postgres(name, timedelta(hours=1))

    return opened


def show(postgres: psycopg.Connection[Any], name: str) -> str:
    return str(postgres.execute(f"SHOW {name}").fetchall()[0][0])


def test_a_postgres_session_is_in_autocommit_has_our_settings_and_is_closed_at_the_end(opened: Opened) -> None:
    extra = {"options": "-c work_mem=64MB -c statement_timeout=0", "sslmode": "disable"}
    with opened(extra, "PersonOwnerRebuildJob manual__2024-02-29T01:02:03+00:00") as postgres:
        assert postgres.autocommit
        assert show(postgres, "application_name") == "PersonOwnerRebuildJob manual__2024-02-29T01:02:03+00:00"
        assert show(postgres, "statement_timeout") == "1h"
        assert show(postgres, "work_mem") == "64MB"
        assert postgres.info.get_parameters()["sslmode"] == "disable"
    assert postgres.closed


def test_no_startup_option_is_sent_unless_extra_has_one(opened: Opened) -> None:
    with opened({}) as postgres:
        assert "options" not in postgres.info.get_parameters()


def test_a_long_application_name_is_truncated_as_postgresql_would_do_it(opened: Opened) -> None:
    with opened({}, "x" * 100) as postgres:
        assert show(postgres, "application_name") == "x" * 63


@pytest.mark.parametrize(
    "extra",
    [
        {"cursor": "dictcursor"},
        {"cursor": "namedtuplecursor"},
        {"cursor": "realdictcursor"},
        {"cursor": "nonsense"},
        {"row_factory": "x", "cursor_factory": "x", "context": "x"},
        {"autocommit": False, "prepare_threshold": 0},
    ],
)
def test_extra_cannot_change_the_row_factory_or_autocommit(opened: Opened, extra: dict[str, Any]) -> None:
    with opened(extra) as postgres:
        assert postgres.execute("SELECT 1, 2").fetchall() == [(1, 2)]
        assert postgres.info.transaction_status == TransactionStatus.IDLE


def test_a_session_has_keepalives_unless_extra_has_others(opened: Opened) -> None:
    with opened({"keepalives_idle": 30}) as postgres:
        parameters = postgres.info.get_parameters()
    assert parameters["keepalives_idle"] == "30"
    assert parameters["keepalives_interval"] == "10"
    assert parameters["tcp_user_timeout"] == "120000"


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
        fields |= {"extra": parts.get("extra", "{}"), "host": parts["host"]}
        made = Connection(conn_id="tcs_postgres", conn_type="postgres", port=int(parts["port"]), **fields)
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


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"sslmode": "nonsense"}, 'invalid sslmode value: "nonsense"'),
        ({"sslmode": "require"}, "server does not support SSL, but SSL was required"),
        ({"service": "elsewhere"}, 'definition of service "elsewhere" not found'),
        ({"channel_binding": "nonsense"}, 'invalid channel_binding value: "nonsense"'),
    ],
)
def test_a_parameter_that_cannot_work_is_not_retried(refused: Refused, extra: dict[str, str], words: str) -> None:
    error = refused(extra=json.dumps(extra))
    assert type(error) is AccessRefused
    assert f"{words}. Correct the connection" in str(error)


def test_a_task_is_retried_if_postgresql_is_down(refused: Refused) -> None:
    error = refused(port=any_free_port())
    assert type(error) is TransientError
    assert "Connection refused. Make sure that it is running" in str(error)


def test_a_missing_airflow_connection_is_named_and_not_retried() -> None:
    with pytest.raises(AirflowFailException, match="tcs_postgres is missing"), open_postgres("x", timedelta(hours=1)):
        pass
