"""PostgreSQL and Elasticsearch for the jobs, opened from Airflow connections.

Drivers are imported when a connection is opened, not when a DAG file is parsed.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from sync_airflow.dag_ids import ELASTICSEARCH_CONNECTION, POSTGRES_CONNECTION

if TYPE_CHECKING:
    import psycopg
    from airflow.providers.postgres.hooks.postgres import PostgresHook
    from airflow.sdk import Connection
    from elasticsearch import Elasticsearch

# PostgreSQL truncates longer application names.
MAXIMUM_APPLICATION_NAME = 63

# What extra could tell the hook or the driver about rows and transactions. The jobs rely on the driver's defaults.
DRIVER_ARGUMENTS = frozenset({"cursor", "row_factory", "cursor_factory", "autocommit", "prepare_threshold", "context"})

# Airflow kills a task 5 s after asking it to stop.
CANCEL_SECONDS = 2

# The client's default of 10 s is too short for a bulk request or a force merge on a busy cluster. extra can change it.
REQUEST_TIMEOUT_SECONDS = 120

DEFAULT_ELASTICSEARCH_PORT = 9200
# The ports of URLs that name none.
URL_PORTS = {"http": 80, "https": 443}

log = logging.getLogger(__name__)


@contextmanager
def open_postgres(application_name: str, statement_timeout: timedelta) -> Iterator[psycopg.Connection[Any]]:
    """A connection to tcs_postgres in autocommit mode. At the end a running statement is cancelled, and it is closed.

    application_name: shown in pg_stat_activity, and in the error of a run that finds the job locked.
    statement_timeout: no statement may outlive its task. sync_jobs sets all other limits.
    Raises AirflowFailException if the Airflow connection does not exist, TransientError if the server cannot be
    reached, AccessRefused if it refuses the login.
    """
    from airflow.providers.postgres.hooks.postgres import PostgresHook  # noqa: PLC0415

    hook = PostgresHook(postgres_conn_id=POSTGRES_CONNECTION)
    connection = _existing(POSTGRES_CONNECTION, lambda: hook.connection)
    connection.extra = json.dumps(postgres_parameters(_extra(connection), application_name))
    postgres = _connect(hook, statement_timeout)
    try:
        yield postgres
    finally:
        _cancel_statement(postgres)
        postgres.close()


def postgres_parameters(extra: dict[str, Any], application_name: str) -> dict[str, Any]:
    """Extra of a PostgreSQL connection as the jobs need it: libpq's parameters, and those of the hook.

    Keepalives are the jobs' unless extra has its own. Extra cannot change how the driver behaves. The jobs add no
    options of their own: a pooler such as PgBouncer refuses that startup parameter.
    """
    from sync_jobs.postgres.connection import KEEPALIVES  # noqa: PLC0415

    kept = {name: value for name, value in extra.items() if name not in DRIVER_ARGUMENTS}
    return KEEPALIVES | kept | {"application_name": application_name[:MAXIMUM_APPLICATION_NAME]}


def _connect(hook: PostgresHook, statement_timeout: timedelta) -> Any:
    import psycopg  # noqa: PLC0415

    from sync_jobs.postgres.refused_connection import connection_refused  # noqa: PLC0415

    try:
        postgres: Any = hook.get_conn()
        postgres.autocommit = True
        # After the start, so that it wins over options in extra.
        postgres.execute("SELECT set_config('statement_timeout', %s, FALSE)", (_milliseconds(statement_timeout),))
    except psycopg.Error as error:
        raise connection_refused(error) from None
    return postgres


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

    from sync_jobs.search.keepalive_node import KeepaliveNode  # noqa: PLC0415

    connection = _existing(ELASTICSEARCH_CONNECTION, lambda: Connection.get(ELASTICSEARCH_CONNECTION))
    hosts, arguments = elasticsearch_arguments(connection)
    # It logs each request at level INFO, which would bury the few lines that show the progress of a job.
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)
    try:
        arguments = {"node_class": KeepaliveNode} | arguments
        client: Elasticsearch = ElasticsearchPythonHook(hosts=hosts, es_conn_args=arguments).get_conn
    except (TypeError, ValueError) as error:
        # Without the text of the error: the address of a host may contain a password.
        raise AirflowFailException(
            f"Connection {ELASTICSEARCH_CONNECTION}: the client does not accept a host or an argument in extra "
            f"({type(error).__name__})."
        ) from error
    try:
        yield client
    finally:
        client.close()


def elasticsearch_arguments(connection: Connection) -> tuple[list[str], dict[str, Any]]:
    """Node URLs and client arguments from an Airflow connection. The URLs have no user and password.

    host: one or several, comma-separated, each as name, name:port, IPv6 address or URL. schema (http or https) is the
    default of hosts without their own, and so is port; without it 9200, or for a URL the port of its scheme. login and
    password, or those of a URL: basic authentication, unless extra has an api_key. extra: any other argument of the
    client: ca_certs, verify_certs, request_timeout, ...; cloud_id takes the place of host.
    """
    arguments: dict[str, Any] = {name: _plain(value) for name, value in _extra(connection).items()}
    arguments["request_timeout"] = _seconds(arguments.get("request_timeout"))
    hosts = _hosts(connection)
    cloud_id = arguments.pop("cloud_id", None)
    if bool(hosts) == bool(cloud_id):
        raise _wrong_connection("expected at least one node in host, or a cloud_id in extra, and not both")
    if cloud_id:
        hosts = [_url_of_cloud(cloud_id)]
    scheme = (connection.schema or "http").strip()
    nodes = [parse_node(host, scheme, connection.port) for host in hosts]
    logins = {node.login for node in nodes if node.login}
    if connection.login:
        logins = {(connection.login, connection.password or "")}
    if len(logins) > 1:
        raise _wrong_connection("its hosts have different users or passwords; put one in login and password")
    if logins and "api_key" not in arguments:
        arguments["basic_auth"] = logins.pop()
    return [node.url for node in nodes], arguments


def _hosts(connection: Connection) -> list[str]:
    hosts = [name.strip() for name in (connection.host or "").split(",") if name.strip()]
    if connection.conn_type in URL_PORTS and (connection.schema or "").lower() not in URL_PORTS:
        # AIRFLOW_CONN_... is a URL: Airflow takes its scheme for the type of the connection, its path for the schema.
        return [f"{connection.conn_type}://{_in_brackets(host)}/{connection.schema or ''}" for host in hosts]
    return hosts


def _in_brackets(host: str) -> str:
    """An IPv6 address alone gets its brackets; anything else stays as it is."""
    address = host.rpartition("@")[2]
    is_bare = address.count(":") > 1 and not address.startswith("[") and "://" not in host
    return f"{host.removesuffix(address)}[{address}]" if is_bare else host


@dataclass(frozen=True)
class Node:
    """url: scheme://host:port/path. login: user and password, if the host had them."""

    url: str
    login: tuple[str, str] | None


def parse_node(host: str, default_scheme: str, default_port: int | None) -> Node:
    """One host of a connection (elasticsearch_arguments). Raises AirflowFailException, without quoting a password."""
    is_url = "://" in host
    if not is_url:
        host = f"{default_scheme}://{_in_brackets(host)}"
    try:
        parts = urlsplit(host)
        name, port = parts.hostname, parts.port
    except ValueError:
        raise _wrong_connection("expected a host as name, name:port, [IPv6 address]:port or URL") from None
    if parts.scheme not in URL_PORTS:
        got = parts.scheme or ("" if is_url else default_scheme)
        raise _wrong_connection(f"expected the schema http or https, got {got!r}")
    if not name or " " in host or parts.query or parts.fragment:
        raise _wrong_connection("expected a host as name, name:port, [IPv6 address]:port or URL")
    port = port or default_port or (URL_PORTS[parts.scheme] if is_url else DEFAULT_ELASTICSEARCH_PORT)
    address = f"[{name}]" if ":" in name else name
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return Node(f"{parts.scheme}://{address}:{port}{parts.path.rstrip('/')}", login)


def _url_of_cloud(cloud_id: str) -> str:
    from elastic_transport.client_utils import parse_cloud_id  # noqa: PLC0415

    try:
        host, port = parse_cloud_id(cloud_id).es_address or ("", 0)
    except ValueError:
        raise _wrong_connection("cloud_id in extra is not one that Elastic Cloud shows") from None
    return f"https://{host}:{port}"


def _wrong_connection(why: str) -> AirflowFailException:
    return AirflowFailException(f"Connection {ELASTICSEARCH_CONNECTION}: {why}.")


def _seconds(timeout: Any) -> float:
    """A time limit in seconds. There is always one: otherwise a request whose answer is lost would wait forever."""
    if timeout in (None, ""):
        return REQUEST_TIMEOUT_SECONDS
    try:
        seconds = float(timeout)
    except (TypeError, ValueError):
        seconds = 0
    if isinstance(timeout, bool) or not 0 < seconds < float("inf"):
        raise _wrong_connection(f"request_timeout in extra: expected seconds, got {timeout!r}")
    return seconds


def _plain(value: Any) -> Any:
    """A boolean that a form stored as text becomes a boolean: the text "false" would count as true."""
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


def _existing(conn_id: str, get: Any) -> Any:
    try:
        return get()
    except AirflowNotFoundException:
        raise AirflowFailException(f"The Airflow connection {conn_id} is missing: create it and try again.") from None


def _extra(connection: Connection) -> dict[str, Any]:
    """The extra of a connection. Raises AirflowFailException if it is JSON, but not an object."""
    extra: Any = connection.extra_dejson
    if not isinstance(extra, dict):
        raise AirflowFailException(f"Connection {connection.conn_id}: expected extra as a JSON object.")
    return extra


def _milliseconds(duration: timedelta) -> str:
    return f"{duration // timedelta(milliseconds=1)}ms"
