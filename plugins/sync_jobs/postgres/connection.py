"""Connections of a run: the one that the caller opened, and a second one like it."""

import psycopg
from psycopg.pq import TransactionStatus

from sync_jobs.errors import BadArgument
from sync_jobs.postgres.errors import connection_refused
from sync_jobs.postgres.statements import Connection, execute


def take_over(connection: Connection) -> None:
    """Prepare a caller's connection for a run: autocommit, and the settings of session/defaults.sql.

    Raises BadArgument if it is in a transaction.
    """
    if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        raise BadArgument("postgres: expected a connection outside of any transaction: commit or roll back first")
    connection.autocommit = True
    execute(connection, "session/defaults")


def another_connection(connection: Connection) -> Connection:
    """A second connection like the first, in autocommit: same server, database, role and limits.

    Raises TransientError or AccessRefused, with the text of the server, if it is refused.
    """
    parameters = connection.info.get_parameters() | {"password": connection.info.password}
    try:
        other: Connection = psycopg.connect(**parameters, autocommit=True)  # type: ignore[arg-type]
    except psycopg.Error as error:
        raise connection_refused(error) from None
    execute(other, "session/defaults")
    return other
