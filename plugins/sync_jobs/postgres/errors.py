"""Errors of PostgreSQL and its driver, translated into SyncJobError: those that can pass and those that cannot."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from sync_jobs.errors import AccessRefused, SyncJobError, TransientError

# SQLSTATE classes and codes of what can pass: lost or refused connections, conflicts between transactions, full or
# overloaded resources, locks, statements and transactions that took too long, a server that shuts down, one that is
# read-only (25006) because it has not become the primary yet.
TRANSIENT_STATES = ("08", "25006", "25P03", "25P04", "40", "53", "55P03", "57")

# A refused connection has a text but no SQLSTATE. With one of these texts, a retry would not help.
NO_ACCESS = (
    "password authentication failed",
    "no password supplied",
    "does not exist",  # a role, a database
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "permission denied for database",
    "certificate",
    # The parameters themselves are wrong, or the server cannot do what they ask for.
    "invalid ",
    "definition of service",
    "service file",
    "does not support SSL",
    "channel binding",
)


# A refusal of a connection pooler, with the name of the parameter.
REFUSED_PARAMETER = "unsupported startup parameter"

# What else the role needs, by the SQLSTATE of the refusal: 42501, a permission is missing or a policy would hide rows.
NO_PERMISSION = "42501"


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
    if not isinstance(error, psycopg.OperationalError) or any(words in str(error) for words in NO_ACCESS):
        return AccessRefused(f"{why} Correct the connection or the permissions of its role, then run the job again.")
    return TransientError(
        f"{why} Make sure that it is running and has connections left (an index build needs two), then run the job "
        "again."
    )


@contextmanager
def postgres_errors_translated() -> Iterator[None]:
    """Turn the driver's errors into ours, without their details, which may quote rows."""
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate
        what = f"{type(error).__name__} {state or ''}".strip()
        if _can_pass(error):
            raise TransientError(f"PostgreSQL: {what}, {error.diag.message_primary or 'connection lost'}") from None
        # An error without a state comes from the driver itself: its text describes the call, not data.
        why = error.diag.message_primary if state else error
        if state == NO_PERMISSION:
            raise AccessRefused(
                f"PostgreSQL refused a statement: {what}, {why}. Grant the role what include/sql/setup/role.sql grants "
                "and, if the table has row-level security, BYPASSRLS: it must read all rows. Then run the job again."
            ) from None
        raise SyncJobError(f"PostgreSQL refused a statement: {what}, {why}") from None


def _can_pass(error: psycopg.Error) -> bool:
    if error.sqlstate:
        return error.sqlstate.startswith(TRANSIENT_STATES)
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)  # a lost connection has no state
