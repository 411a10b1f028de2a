"""Advisory locks: one run of a job, and one change of an index, at a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psycopg
from psycopg.pq import TransactionStatus

from sync_jobs.errors import AlreadyRunning, UnsupportedServer
from sync_jobs.postgres.pooler import SHARED
from sync_jobs.postgres.statements import Connection, execute, one_row

# First key of the jobs' advisory locks: no other lock in the same database has it.
LOCK_NAMESPACE = 0x53594E43


@contextmanager
def advisory_lock(connection: Connection, name: str) -> Iterator[None]:
    """Hold the lock of that name in this session, or raise AlreadyRunning at once.

    The lock belongs to the connection: PostgreSQL frees it when the process or its connection dies.
    """
    key: dict[str, object] = {"namespace": LOCK_NAMESPACE, "name": name}
    noted, seconds = one_row(connection, "session/lock_take", key)
    if noted is None:
        raise AlreadyRunning(f"{name} is already running ({_describe_holder(connection, name)})")
    held = key | {"seconds": seconds}
    try:
        _check_kept(connection, name, held)
        yield
    except BaseException:
        with suppress(psycopg.Error):  # the first error counts, and closing the connection frees the lock, too
            _free(connection, held)
        raise
    if not _free(connection, held):
        error = UnsupportedServer(f"This session no longer holds the lock of {name}. {SHARED}")
        error.state = "The work of this run was already complete."
        raise error


def is_locked(connection: Connection, name: str) -> bool:
    """Whether any session holds the lock of that name."""
    row = execute(connection, "session/lock_holder", {"namespace": LOCK_NAMESPACE, "name": name}).fetchone()
    return row is not None


def _check_kept(connection: Connection, name: str, held: Mapping[str, object]) -> None:
    """A pooler that shares sessions may execute the next statement in another session than the one with the lock."""
    if not one_row(connection, "session/lock_held", held)[0]:
        raise UnsupportedServer(f"This session does not hold the lock of {name}. {SHARED}")


def _free(connection: Connection, held: Mapping[str, object]) -> bool:
    """Free the lock and its note; False if this session did not have both.

    An interrupted statement leaves the connection unusable; then closing it frees the lock.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        return True
    return all(one_row(connection, "session/lock_free", held))


def _describe_holder(connection: Connection, name: str) -> str:
    """When the lock was taken, and the application_name of the session that holds it."""
    row = execute(connection, "session/lock_holder", {"namespace": LOCK_NAMESPACE, "name": name}).fetchone()
    if row is None:
        return "it has just ended: run the job again"
    since, application_name, process = row
    return f"since {since or 'an unknown time'}, by {application_name or 'an unnamed session'}, process {process}"
