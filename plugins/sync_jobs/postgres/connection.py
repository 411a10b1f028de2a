"""Connections of a run: the one that the caller opened, and a second one like it."""

import psycopg
from psycopg.pq import TransactionStatus

from sync_jobs.errors import BadArgument, UnsupportedServer
from sync_jobs.postgres import tables
from sync_jobs.postgres.pooler import refuse_shared_sessions
from sync_jobs.postgres.refused_connection import connection_refused
from sync_jobs.postgres.statements import Connection, execute

# libpq's parameters of every connection: a dead connection is noticed within two minutes, also by a client that only
# waits. The settings of the other side are in session/defaults.sql.
KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "60",
    "keepalives_interval": "10",
    "keepalives_count": "6",
    "tcp_user_timeout": "120000",
    "connect_timeout": "30",
}

# json_scalar, which makes the documents of the search index, came with PostgreSQL 17.
MINIMUM_MAJOR_VERSION = 17


def take_over(connection: Connection) -> None:
    """Prepare a caller's connection for a run: check the server, then set autocommit and session/defaults.sql.

    Raises BadArgument if it is in a transaction; UnsupportedServer if PostgreSQL is too old, if a pooler shares its
    sessions, or if the source is not the application's tables themselves; TransientError.
    """
    if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        raise BadArgument("postgres: expected a connection outside of any transaction: commit or roll back first")
    connection.autocommit = True
    _refuse_old_server(connection)
    refuse_shared_sessions(connection, lambda: _open_like(connection))
    execute(connection, "session/defaults")
    _refuse_views(connection)
    _refuse_copies(connection)


def another_connection(connection: Connection) -> Connection:
    """A second connection like the first, in autocommit: same server, database, role and limits.

    Raises TransientError or AccessRefused, with the text of the server, if it is refused.
    """
    other = _open_like(connection)
    for name, value in execute(connection, "session/given_settings").fetchall():
        other.execute("SELECT set_config(%s, %s, FALSE)", (name, value))
    execute(other, "session/defaults")
    return other


def another_session(connection: Connection) -> Connection:
    """A second connection with the same parameters, in autocommit, even if the first one is in a failed transaction.

    It lacks what another_connection() takes over: settings that the first one was given after it was opened.
    """
    other = _open_like(connection)
    execute(other, "session/defaults")
    return other


def _open_like(connection: Connection) -> Connection:
    info = connection.info
    # Of several hosts or addresses, only the one to which the first connection goes: another can be a standby, or a
    # pooler that was not checked.
    server = {"host": info.host, "hostaddr": info.hostaddr, "port": str(info.port)}
    parameters = KEEPALIVES | info.get_parameters() | {"password": info.password} | server
    try:
        opened: Connection = psycopg.connect(**parameters, autocommit=True)  # type: ignore[arg-type]
    except psycopg.Error as error:
        raise connection_refused(error) from None
    return opened


def _refuse_old_server(connection: Connection) -> None:
    version = connection.info.server_version
    if version < MINIMUM_MAJOR_VERSION * 10_000:
        raise UnsupportedServer(
            f"PostgreSQL {version // 10_000} is too old: expected version {MINIMUM_MAJOR_VERSION} or later. Upgrade "
            "the server or correct the connection, then run the job again."
        )


def _refuse_views(connection: Connection) -> None:
    rows = execute(connection, "session/not_tables", {"used": list(tables.USED)}).fetchall()
    found = [f"{name} is a {kind}" for name, kind in rows]
    if found:
        raise UnsupportedServer(
            f"Expected the application's tables, but {', '.join(found)}, which may hide rows. Set the search_path of "
            "the role so that it finds the tables themselves first, then run the job again."
        )


def _refuse_copies(connection: Connection) -> None:
    rows = execute(connection, "session/ambiguous_tables", {"used": list(tables.USED)}).fetchall()
    found = [f"{name} is in {schemas}" for name, schemas in rows]
    if found:
        raise UnsupportedServer(
            f"Expected each table in one schema of the search_path, but {', '.join(found)}. Set the search_path of the "
            "role so that it has only the schema of the application's tables, then run the job again."
        )
