"""PostgreSQL and Elasticsearch for the jobs, opened from Airflow connections.

Drivers are imported when a connection is opened, not when a DAG file is parsed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

if TYPE_CHECKING:
    import psycopg
    from airflow.providers.postgres.hooks.postgres import PostgresHook
    from airflow.sdk import Connection
    from elasticsearch import Elasticsearch

POSTGRES = "tcs_postgres"
ELASTICSEARCH = "tcs_elasticsearch"

# PostgreSQL truncates longer application names.
MAXIMUM_APPLICATION_NAME = 63

# Airflow kills a task 5 s after asking it to stop.
CANCEL_SECONDS = 2

# The client's default of 10 s is too short for a bulk request or a force merge on a busy cluster. extra can change it.
REQUEST_TIMEOUT_SECONDS = 120

DEFAULT_ELASTICSEARCH_PORT = 9200

log = logging.getLogger(__name__)


def postgres_options(application_name: str, statement_timeout: timedelta) -> str:
    """Server settings of a job's session, as libpq's options.

    statement_timeout: no statement may outlive its task. sync_jobs sets all other limits.
    """
    settings = {
        "application_name": application_name[:MAXIMUM_APPLICATION_NAME],
        "statement_timeout": _milliseconds(statement_timeout),
    }
    return " ".join(f"-c {name}={_escape(value)}" for name, value in settings.items())


@contextmanager
def open_postgres(application_name: str, statement_timeout: timedelta) -> Iterator[psycopg.Connection[Any]]:
    """A connection to tcs_postgres in autocommit mode. At the end a running statement is cancelled, and it is closed.

    application_name: shown in pg_stat_activity, and in the error of a run that finds the job locked.
    Raises AirflowFailException if the Airflow connection does not exist, TransientError if the server cannot be
    reached, AccessRefused if it refuses the login.
    """
    from airflow.providers.postgres.hooks.postgres import PostgresHook  # noqa: PLC0415

    hook = PostgresHook(postgres_conn_id=POSTGRES)
    connection = _existing(POSTGRES, lambda: hook.connection)
    # The hook lets options in extra replace ours. The jobs rely on ours, so these are appended: the last ones win.
    extra = connection.extra_dejson
    options = f"{extra.get('options', '')} {postgres_options(application_name, statement_timeout)}".strip()
    connection.extra = json.dumps(extra | {"options": options})
    postgres = _connect(hook)
    try:
        postgres.autocommit = True
        yield postgres
    finally:
        _cancel_statement(postgres)
        postgres.close()


def _connect(hook: PostgresHook) -> Any:
    import psycopg  # noqa: PLC0415

    from sync_jobs.postgres.errors import connection_refused  # noqa: PLC0415

    try:
        return hook.get_conn()
    except psycopg.Error as error:
        raise connection_refused(error) from None


def _cancel_statement(postgres: psycopg.Connection[Any]) -> None:
    """Cancel a statement that was interrupted, for instance by a timeout: the server would continue it for a while."""
    import psycopg  # noqa: PLC0415

    if postgres.info.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
        try:
            postgres.cancel_safe(timeout=CANCEL_SECONDS)
        except psycopg.Error as error:
            log.warning("A statement could not be cancelled: %s. The server stops it once the client is gone.", error)


@contextmanager
def open_elasticsearch() -> Iterator[Elasticsearch]:
    """A client for tcs_elasticsearch, closed at the end. Raises AirflowFailException if that is missing or wrong."""
    from airflow.providers.elasticsearch.hooks.elasticsearch import ElasticsearchPythonHook  # noqa: PLC0415
    from airflow.sdk import Connection  # noqa: PLC0415

    connection = _existing(ELASTICSEARCH, lambda: Connection.get(ELASTICSEARCH))
    hosts, arguments = elasticsearch_arguments(connection)
    # It logs each request at level INFO, which would bury the few lines that show the progress of a job.
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)
    try:
        client: Elasticsearch = ElasticsearchPythonHook(hosts=hosts, es_conn_args=arguments).get_conn
    except (TypeError, ValueError) as error:
        # Without the text of the error: the address of a host may contain a password.
        raise AirflowFailException(
            f"Connection {ELASTICSEARCH}: the client does not accept a host or an argument in extra "
            f"({type(error).__name__})."
        ) from error
    try:
        yield client
    finally:
        client.close()


def elasticsearch_arguments(connection: Connection) -> tuple[list[str], dict[str, Any]]:
    """Node URLs and client arguments from an Airflow connection.

    host: one or several, comma-separated, each as name, name:port or URL. schema (http or https) and port are the
    defaults of hosts without their own. login and password: basic authentication, unless extra has an api_key.
    extra: any other argument of the client: ca_certs, verify_certs, ssl_assert_fingerprint, request_timeout, ...
    """
    scheme = connection.schema or "http"
    if scheme not in ("http", "https"):
        raise AirflowFailException(f"Connection {ELASTICSEARCH}: expected the schema http or https, got {scheme!r}.")
    names = [name.strip() for name in (connection.host or "").split(",") if name.strip()]
    if not names:
        raise AirflowFailException(f"Connection {ELASTICSEARCH}: host is empty, expected at least one node.")
    hosts = [_node_url(name, scheme, connection.port or DEFAULT_ELASTICSEARCH_PORT) for name in names]
    arguments: dict[str, Any] = {"request_timeout": REQUEST_TIMEOUT_SECONDS}
    arguments |= {name: _plain(value) for name, value in connection.extra_dejson.items()}
    if "api_key" not in arguments and connection.login:
        arguments["basic_auth"] = (connection.login, connection.password or "")
    return hosts, arguments


def _node_url(name: str, scheme: str, port: int) -> str:
    scheme, name = name.split("://", 1) if "://" in name else (scheme, name)
    name = name.rstrip("/")
    has_port = name.rpartition("]")[2].count(":") == 1
    return f"{scheme}://{name}" if has_port else f"{scheme}://{name}:{port}"


def _plain(value: Any) -> Any:
    """A boolean that a form stored as text becomes a boolean: the text "false" would count as true."""
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _existing(conn_id: str, get: Any) -> Any:
    try:
        return get()
    except AirflowNotFoundException:
        raise AirflowFailException(f"The Airflow connection {conn_id} is missing: create it and try again.") from None


def _milliseconds(duration: timedelta) -> str:
    return f"{duration // timedelta(milliseconds=1)}ms"


def _escape(value: str) -> str:
    """Blanks and backslashes escaped for libpq's options."""
    return value.replace("\\", r"\\").replace(" ", r"\ ")
