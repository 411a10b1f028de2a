"""The two kinds of transaction that jobs use, both with the jobs' planner settings."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from sync_jobs.postgres.statements import Connection, execute, one_row


@contextmanager
def snapshot(connection: Connection, exported: str | None = None) -> Iterator[None]:
    """One REPEATABLE READ transaction: every statement sees the same state.

    exported: the name of a snapshot that another connection exported (export_snapshot) and still holds; None for a
    new one.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if exported:
            psycopg.ClientCursor(connection).execute("SET TRANSACTION SNAPSHOT %s", (exported,))
        execute(connection, "session/planner")
        yield


@contextmanager
def read_committed(connection: Connection) -> Iterator[None]:
    """One READ COMMITTED transaction: for columns in rows of the application.

    The application writes those rows all day. If it has just changed one, the job waits and updates the new version;
    in a snapshot() the update would fail.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        execute(connection, "session/planner")
        yield


def export_snapshot(connection: Connection) -> str:
    """The name by which another connection can use the snapshot of this one. Call it inside snapshot()."""
    name: str = one_row(connection, "session/snapshot_export")[0]
    return name
