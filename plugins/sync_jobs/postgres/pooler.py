"""Finds a connection pooler that gives one session of PostgreSQL to several clients in turn.

A job keeps an advisory lock, settings and temporary tables in its session. PgBouncer leaves the session to its client
only in session mode. In transaction mode the lock would stay with a session that other clients use.
"""

import select
import time
from collections.abc import Callable
from contextlib import closing

from psycopg import errors
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from sync_jobs.errors import TransientError, UnsupportedServer
from sync_jobs.postgres.statements import Connection, one_row

# How long a second connection may wait in the queue of the pooler.
POOLER_SECONDS = 10.0
# What PgBouncer says in statement mode, and to a client that has waited too long for a session.
NO_TRANSACTIONS = "statement pooling mode"
QUEUE_TIMEOUT = "query_wait_timeout"
# A busy pool can give a client the same session twice by chance.
ATTEMPTS = 3

SHARED = (
    "The connection goes through a pooler that shares its sessions, such as PgBouncer in transaction mode, but a job "
    "keeps its lock in its session. Connect to PostgreSQL directly or use pool_mode = session, then run the job again."
)


def refuse_shared_sessions(connection: Connection, open_another: Callable[[], Connection]) -> None:
    """Raise UnsupportedServer if several clients share the session of this connection. It is in autocommit.

    open_another: opens a second connection like it, which is only needed if there is a pooler. Raises TransientError
    if the pooler has no session for that one.
    """
    try:
        first = _process(connection)
        if first == connection.info.backend_pid:
            return  # a pooler announces a number of its own
        with closing(open_another()) as other:
            for _ in range(ATTEMPTS):
                if first == _process_in_transaction(other) or first != _process(connection):
                    raise UnsupportedServer(SHARED)
                other.rollback()
    except errors.ProtocolViolation as error:
        if NO_TRANSACTIONS in str(error):
            raise UnsupportedServer(SHARED) from None
        raise


def _process(connection: Connection) -> int:
    process: int = one_row(connection, "session/process")[0]
    return process


def _process_in_transaction(connection: Connection) -> int:
    """The process that serves a transaction of this connection. The transaction stays open.

    Without the driver, which would wait forever for a pooler that has no session left.
    """
    libpq = connection.pgconn
    libpq.send_query(b"BEGIN; SELECT pg_backend_pid()")
    end = time.monotonic() + POOLER_SECONDS
    process = b""
    while True:
        while libpq.is_busy():
            if not select.select([libpq.socket], [], [], max(0.0, end - time.monotonic()))[0]:
                raise _no_second_session(f"within {POOLER_SECONDS:.0f} s")
            libpq.consume_input()
        result = libpq.get_result()
        if result is None:
            return int(process)
        if result.status == ExecStatus.FATAL_ERROR:
            error = error_from_result(result)
            raise _no_second_session(f"within its {QUEUE_TIMEOUT}") if QUEUE_TIMEOUT in str(error) else error
        process = result.get_value(0, 0) or process if result.ntuples else process


def _no_second_session(within: str) -> TransientError:
    return TransientError(
        f"The pooler in front of PostgreSQL gave no second session {within}. Raise its pool size for this role (an "
        "index build needs two), then run the job again."
    )
