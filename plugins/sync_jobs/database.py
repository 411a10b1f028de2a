"""PostgreSQL for the jobs: SQL files, transactions, advisory locks, and differences applied.

    <job>_difference.sql  =>  temporary table "difference"  =>  guard rail  =>  <job>_apply.sql

A job never writes what is already there: one statement finds the rows that differ, they are counted and
checked, and only they are written, in the same transaction, in key order. Readers see the old rows or the
new; a night without changes writes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from sync_jobs.error_translation import connection_refused, leaving
from sync_jobs.errors import AlreadyRunning, BadArgument, GuardRail
from sync_jobs.report import Outcome

SQL_FOLDER = Path(__file__).resolve().parents[2] / "include" / "sql"

# First key of our advisory locks: keeps them apart from those of anybody else on the same database.
LOCK_NAMESPACE = 0x53594E43

# Fewer removals than this are never refused, however small the table is (design.md, "Guard rails").
ALWAYS_ALLOWED_REMOVALS = 100

# For one attempt to cancel a statement, and until the next.
CANCEL_SECONDS = 5.0
CANCEL_PAUSE_SECONDS = 0.5

Result = TypeVar("Result")
Connection = psycopg.Connection[Any]
Parameters = Mapping[str, Any]


@cache
def read_sql(name: str) -> str:
    """The text of include/sql/<name>.sql; its parameters are written %(name)s."""
    return (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def execute(connection: Connection, name: str, parameters: Parameters | None = None) -> psycopg.ClientCursor[Any]:
    """Run include/sql/<name>.sql and return its cursor.

    Values are merged on the client's side: CREATE TABLE AS and COPY take no parameters, and the planner
    sees the dates themselves.
    """
    return psycopg.ClientCursor(connection).execute(read_sql(name), parameters or {})


def take_over(connection: Connection) -> None:
    """Make a caller's connection fit for a run: in autocommit, with the settings of session_defaults.sql.

    Raises BadArgument if it is in a transaction.
    """
    if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        raise BadArgument("postgres: expected a connection outside of any transaction: commit or roll back before")
    connection.autocommit = True
    execute(connection, "session_defaults")


@contextmanager
def snapshot(connection: Connection, exported: str | None = None) -> Iterator[None]:
    """One REPEATABLE READ transaction, with the jobs' planner settings: every statement sees the same state.

    exported: the state to see is that of another connection, which still is in its snapshot(), and told it by
    export_snapshot().
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if exported:
            psycopg.ClientCursor(connection).execute("SET TRANSACTION SNAPSHOT %s", (exported,))
        execute(connection, "planner")
        yield


@contextmanager
def read_committed(connection: Connection) -> Iterator[None]:
    """One READ COMMITTED transaction, with the jobs' planner settings: for fields of rows that are the application's.

    It writes those rows all day: where it has just changed one, the job waits and writes to the new version, where
    a snapshot() would fail.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        execute(connection, "planner")
        yield


def export_snapshot(connection: Connection) -> str:
    """The name by which another connection finds the state that this one sees, inside of snapshot()."""
    name: str = one_row(connection, "snapshot_export")[0]
    return name


@contextmanager
def advisory_lock(connection: Connection, name: str) -> Iterator[None]:
    """Hold the lock of that name in this session, or raise AlreadyRunning at once.

    The lock belongs to the connection: it is gone when the process or its connection dies.
    """
    key: dict[str, object] = {"namespace": LOCK_NAMESPACE, "name": name}
    noted, seconds = one_row(connection, "lock_take", key)
    if noted is None:
        raise AlreadyRunning(f"{name} is already running ({_describe_holder(connection, name)})")
    try:
        yield
    finally:
        # A connection whose statement was interrupted takes no other: its end frees the lock, too.
        if connection.info.transaction_status == TransactionStatus.IDLE:
            execute(connection, "lock_free", key | {"seconds": seconds})


def _describe_holder(connection: Connection, name: str) -> str:
    """Since when and by whom: when the lock was taken, and application_name of the session that holds it."""
    row = execute(connection, "lock_holder", {"namespace": LOCK_NAMESPACE, "name": name}).fetchone()
    if row is None:
        return "it has just ended: try again"
    since, application_name, process = row
    return f"since {since or 'an unknown time'}, by {application_name or 'an unnamed session'}, process {process}"


def check_guard_rail(
    what: str, removed: int, existing: int, maximum_removed_percent: float, *, loss: str = "remove"
) -> None:
    """Raise GuardRail if more rows or documents would go than the limit allows (design.md, "Guard rails").

    maximum_removed_percent: 0 to 100, of what exists now; 100 removals are always allowed. loss: what would be done
    to them, for the message.
    """
    allowed = max(ALWAYS_ALLOWED_REMOVALS, existing * maximum_removed_percent / 100)
    if removed > allowed:
        raise GuardRail(
            f"{what}: this run would {loss} {removed} of {existing}, more than the {allowed:.0f} allowed "
            f"({maximum_removed_percent:g} %). Look for an empty or broken source table; "
            "if it is right, as it may be at a first run or after a long outage, run once more with "
            "maximum_removed_percent = 100."
        )


def apply_difference(
    connection: Connection,
    name: str,
    parameters: Parameters,
    *,
    existing: str,
    what: str,
    maximum_removed_percent: float,
    dry_run: bool,
    at_risk: str | None = None,
    loss: str = "remove",
) -> Outcome:
    """Bring a job's rows to what they should be, inside the transaction of the caller.

    name: prefix of the SQL files. <name>_difference makes the temporary table "difference", one row for each
    row that is not as wanted, with its change ('added', 'changed' or 'removed') and whether it is_loss, which the
    guard rail counts: a row that goes, or a value that does so when a source is broken. <name>_apply writes them.
    existing: the SQL file that counts the rows in place, for a field update its candidates. what: the table, for
    messages. at_risk: the SQL file that counts what can be lost, if that is not the rows in place; loss: what it
    would come to, for messages.
    """
    in_place = one_row(connection, existing, parameters)[0]
    execute(connection, f"{name}_difference", parameters)
    added, changed, removed, lost = one_row(connection, "difference_counts")
    if lost > ALWAYS_ALLOWED_REMOVALS:
        whole = one_row(connection, at_risk, parameters)[0] if at_risk else in_place
        with leaving("Nothing was written."):
            check_guard_rail(what, lost, whole, maximum_removed_percent, loss=loss)
    if not dry_run and added + changed + removed:
        execute(connection, f"{name}_apply", parameters)
    unchanged = in_place - changed - removed
    return Outcome(read=unchanged + changed + added, added=added, changed=changed, removed=removed, unchanged=unchanged)


def one_row(connection: Connection, name: str, parameters: Parameters | None = None) -> tuple[Any, ...]:
    """The only row that include/sql/<name>.sql gives."""
    row = execute(connection, name, parameters).fetchone()
    if row is None:
        raise LookupError(f"{name}.sql gave no row")
    return tuple(row)


def named_rows(connection: Connection, name: str, parameters: Parameters | None = None) -> Iterator[tuple[Any, ...]]:
    """The rows of include/sql/<name>.sql, fetched a few at a time, inside the transaction of the caller."""
    with connection.cursor(name) as cursor:
        yield from cursor.execute(read_sql(name), parameters)


@contextmanager
def beside(connection: Connection, work: Callable[..., Result], *arguments: Any) -> Iterator["Future[Result]"]:
    """Do some work with the connection in a thread of its own; nothing else may use it until that is done.

    Left by an exception, it cancels the statement at work, until the work has ended.
    """
    with ThreadPoolExecutor(1, thread_name_prefix=work.__name__) as thread:
        future = thread.submit(work, *arguments)
        try:
            yield future
        except BaseException:
            while not future.done():  # a cancel between two statements hits nothing
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=CANCEL_SECONDS)
                wait([future], timeout=CANCEL_PAUSE_SECONDS)
            raise


def another_connection(connection: Connection) -> Connection:
    """A second connection like the first, in autocommit: same server, database, role and limits.

    Raises TransientError or AccessRefused, with the server's words, if it is refused.
    """
    parameters = connection.info.get_parameters() | {"password": connection.info.password}
    try:
        other: Connection = psycopg.connect(**parameters, autocommit=True)  # type: ignore[arg-type]
    except psycopg.Error as error:
        raise connection_refused(error) from None
    execute(other, "session_defaults")
    return other
