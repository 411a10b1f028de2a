"""Errors of a connection that PostgreSQL, a pooler or the network on the way refused.

The driver knows the text of a refusal, which the server writes in its own language, but not the SQLSTATE.
"""

import os
import re
import select
import time

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PGconn, PollingStatus, abc

from sync_jobs.errors import AccessRefused, SyncJobError, TransientError

# SQLSTATE classes and codes of a refusal that a retry does not change: no or a wrong login, no such database, a missing
# permission, a parameter that does not exist, has a wrong value, cannot be set, or asks for what the server cannot do.
LASTING_STATES = ("0A", "22", "28", "3D", "42", "55P02")

# Texts of libpq and of PgBouncer for the same: libpq's own errors have no SQLSTATE. PgBouncer's all have 08P01, also
# those of the server that it passes on.
LASTING_TEXTS = (
    "no password supplied",
    "authentication failed",
    "authentication method",
    "no such database",
    "no such user",
    "does not exist",
    "pg_hba.conf",
    "is not permitted to log in",
    "permission denied",
    "SSL required",
    "certificate",
    "private key",
    "invalid ",
    "definition of service",
    "service file",
    "does not support SSL",
    "channel binding",
    "GSSAPI encryption required",
)

# A refusal of a connection pooler, with the name of the parameter.
REFUSED_PARAMETER = "unsupported startup parameter"

# How long to wait for the server to refuse a connection again.
AGAIN_SECONDS = 5.0


def connection_refused(error: psycopg.Error) -> SyncJobError:
    """The error to raise for a connection that PostgreSQL, or the network on the way to it, refused.

    The first line of the driver's text says why. It names at most the server, the database and the role.
    """
    why = f"PostgreSQL: {str(error).splitlines()[0]}."
    if REFUSED_PARAMETER in str(error):
        return AccessRefused(
            f"{why} A pooler such as PgBouncer does not accept that parameter: remove it from extra of the connection "
            "and from the PG* variables, or add it to ignore_startup_parameters of the pooler, then run the job again."
        )
    if _lasts(error):
        return AccessRefused(f"{why} Correct the connection or the permissions of its role, then run the job again.")
    return TransientError(
        f"{why} Make sure that it is running and has connections left (an index build needs two), then run the job "
        "again."
    )


def _lasts(error: psycopg.Error) -> bool:
    """Whether the next attempt would be refused, too."""
    if not isinstance(error, psycopg.OperationalError) or any(words in str(error) for words in LASTING_TEXTS):
        return True
    return (error.sqlstate or _state_of_refusal(error) or "").startswith(LASTING_STATES)


def _state_of_refusal(error: psycopg.Error) -> str | None:
    """The SQLSTATE with which the server refuses the same connection again; None if it does not answer or accepts it.

    libpq has it only in its trace, which the driver cannot switch on before it connects.
    """
    if error.pgconn is None:
        return None
    parameters = {option.keyword.decode(): option.val.decode() for option in error.pgconn.info if option.val}
    again = PGconn.connect_start(make_conninfo(**parameters).encode())
    with os.fdopen(os.memfd_create("trace"), "rb") as trace:  # in memory, because it may have a password
        try:
            if again.status != ConnStatus.BAD:
                again.trace(trace.fileno())
                _wait_for_refusal(again)
                again.untrace()
        finally:
            again.finish()
        trace.seek(0)
        found = re.search(rb'ErrorResponse\t.* C "(\w{5})"', trace.read())
    return found[1].decode() if found else None


def _wait_for_refusal(connection: abc.PGconn) -> None:
    """Return when the connection is refused or accepted, or after some seconds."""
    end = time.monotonic() + AGAIN_SECONDS
    while (state := connection.connect_poll()) in (PollingStatus.READING, PollingStatus.WRITING):
        waiting = [connection.socket]
        to_read, to_write = (waiting, []) if state == PollingStatus.READING else ([], waiting)
        if not any(select.select(to_read, to_write, [], max(0.0, end - time.monotonic()))):
            return
