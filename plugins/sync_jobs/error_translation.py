"""Errors of PostgreSQL and Elasticsearch made into ours: those that pass by themselves, and those that do not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from sync_jobs.errors import AccessRefused, SyncJobError, TransientError
from sync_jobs.search_errors import elasticsearch_errors_translated

# SQLSTATE classes and codes of what may pass: lost or refused connections, conflicts between transactions, full or
# overloaded resources, locks, statements and transactions that took too long, a server that shuts down.
_TRANSIENT_STATES = ("08", "25P03", "25P04", "40", "53", "55P03", "57")


# Of a refused connection there is a text alone, and no SQLSTATE. These are what somebody has to correct first.
_NO_ACCESS = (
    "password authentication failed",
    "no password supplied",
    "does not exist",  # a role, a database
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "permission denied for database",
    "certificate",
)


@contextmanager
def errors_translated() -> Iterator[None]:
    """Turn the errors of both servers' clients into ours."""
    with _database_errors_translated(), elasticsearch_errors_translated():
        yield


@dataclass
class Left:
    """state: a sentence on what is written by now, and what readers see."""

    state: str


@contextmanager
def leaving(state: str) -> Iterator[Left]:
    """Turn the errors of both servers' clients into ours; each of our errors says in which state the work was left.

    The block sets another state whenever it has come so far.
    """
    left = Left(state)
    try:
        with errors_translated():
            yield left
    except SyncJobError as error:
        error.state = error.state or left.state
        raise


def connection_refused(error: psycopg.Error) -> SyncJobError:
    """What to raise for a connection that PostgreSQL, or the way to it, has refused.

    The first line of its text says why, and names server, database and role at most.
    """
    why = f"PostgreSQL: {str(error).splitlines()[0]}."
    if not isinstance(error, psycopg.OperationalError) or any(words in str(error) for words in _NO_ACCESS):
        return AccessRefused(f"{why} Correct the connection, or the rights of its role, then run the job again.")
    return TransientError(
        f"{why} Make sure that it runs and has connections left (an index build needs two), then run the job again."
    )


@contextmanager
def _database_errors_translated() -> Iterator[None]:
    """Turn PostgreSQL's errors into ours. Their details, which may quote rows, are left behind."""
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate
        what = f"{type(error).__name__} {state or ''}".strip()
        if _may_pass(error):
            raise TransientError(f"PostgreSQL: {what}, {error.diag.message_primary or 'connection lost'}") from None
        # Without a state it comes from the driver, before the server had a word: its text is about our own calls.
        why = error.diag.message_primary if state else error
        raise SyncJobError(f"PostgreSQL refused a statement: {what}, {why}") from None


def _may_pass(error: psycopg.Error) -> bool:
    if error.sqlstate:
        return error.sqlstate.startswith(_TRANSIENT_STATES)
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)  # a lost connection has no state
