"""Advisory locks: one run of a job, and one change of an index, at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.pq import TransactionStatus

from sync_jobs.errors import AlreadyRunning
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
    try:
        yield
    finally:
        # An interrupted statement leaves the connection unusable. Closing the connection frees the lock, too.
        if connection.info.transaction_status == TransactionStatus.IDLE:
            execute(connection, "session/lock_free", key | {"seconds": seconds})


def _describe_holder(connection: Connection, name: str) -> str:
    """When the lock was taken, and the application_name of the session that holds it."""
    row = execute(connection, "session/lock_holder", {"namespace": LOCK_NAMESPACE, "name": name}).fetchone()
    if row is None:
        return "it has just ended: run the job again"
    since, application_name, process = row
    return f"since {since or 'an unknown time'}, by {application_name or 'an unnamed session'}, process {process}"
