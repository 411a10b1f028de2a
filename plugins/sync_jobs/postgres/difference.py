"""Bring the rows of a job up to date, writing only what differs.

    <job>_difference.sql  =>  temporary table "difference"  =>  guard rails  =>  <job>_apply.sql  =>  <job>_written.sql

One statement finds the rows that differ. They are counted and checked, and only they are written, in the same
transaction and in key order. Then they are read again, because a trigger can discard or change what was written.
Readers see either the old rows or the new ones. A night without changes writes nothing.
"""

from collections.abc import Callable
from contextvars import ContextVar

from sync_jobs.errors import NotWritten, state_on_error
from sync_jobs.guard_rail import ALWAYS_ALLOWED, Effect, Limits, check_guard_rails, full_headroom
from sync_jobs.postgres.statements import Connection, Parameters, execute, one_row
from sync_jobs.report import Outcome

# Called while the temporary table "difference" exists. Parity reads the keys there (sync_jobs.parity).
on_difference: ContextVar[Callable[[Connection], None]] = ContextVar("on_difference", default=lambda _: None)


def apply_difference(
    connection: Connection,
    name: str,
    parameters: Parameters,
    *,
    existing: str,
    what: str,
    limits: Limits,
    dry_run: bool,
    at_risk: str | None = None,
    parts: str | None = None,
    now: str | None = None,
    loss: str = "remove",
) -> Outcome:
    """Apply the difference of a job inside the caller's transaction.

    name: prefix of the SQL files. <name>_difference makes the temporary table "difference": one row for each row
    that is not as it should be. Its column change is 'added', 'changed' or 'removed'; is_loss says whether the guard
    rail counts the row as lost. <name>_apply writes the difference. <name>_written counts the rows of the difference
    that the table now has as it should, and those that the application has removed since.
    existing: the statement that counts the existing rows; for a field update, the candidates. what: the table, for
    messages. at_risk: for a field update, the statement that counts the rows that can be lost, and all rows. parts: the
    statement that counts, for each part of the table that comes from a source of its own, the existing and the changed
    rows: name, existing, changed. The limit of changes holds for each part. now: for a table of the jobs, the statement
    that counts the rows that the table has after the write, and those that this transaction wrote. loss: the verb for
    lost rows, for messages, such as "remove". Raises GuardRail and NotWritten; the caller must then roll back.
    """
    in_place = one_row(connection, existing, parameters)[0]
    execute(connection, f"{name}_difference", parameters)
    on_difference.get()(connection)
    added, changed, removed, lost, altered = one_row(connection, "session/difference_counts")
    headroom = full_headroom()
    with state_on_error("Nothing was written."):
        if max(added, lost, altered) > ALWAYS_ALLOWED:
            losable, whole = one_row(connection, at_risk, parameters) if at_risk else (None, in_place)
            effect = Effect(existing=whole, at_risk=losable, lost=lost, added=added, changed=altered)
            counts = execute(connection, parts, parameters).fetchall() if parts else []
            of_parts = {part: Effect(existing=count, changed=differing) for part, count, differing in counts}
            headroom = check_guard_rails({what: effect} | of_parts, limits, loss=loss)
        if not dry_run and added + changed + removed:
            execute(connection, f"{name}_apply", parameters)
            gone = _check_written(connection, name, parameters, what=what, expected=added + changed + removed)
            if now:
                rows = in_place + added - removed
                _check_others(connection, now, parameters, what=what, rows=rows, wrote=added + changed)
            changed, in_place = changed - gone, in_place - gone
    unchanged = in_place - changed - removed
    return Outcome(
        read=unchanged + changed + added,
        added=added,
        changed=changed,
        removed=removed,
        unchanged=unchanged,
        headroom=headroom,
    )


def _check_written(connection: Connection, name: str, parameters: Parameters, *, what: str, expected: int) -> int:
    """Raise NotWritten unless the table has the whole difference now. Return how many rows the application removed."""
    execute(connection, "session/triggers_now")
    written, gone = one_row(connection, f"{name}_written", parameters)
    if written + gone != expected:
        raise NotWritten(
            f"{what}: this run made {expected - gone} changes, but the table has only {written} of them. A trigger or "
            "a rule of the table discards or alters the others: find it (\\d in psql), disable or correct it, then run "
            "the job again."
        )
    return int(gone)


def _check_others(
    connection: Connection, now: str, parameters: Parameters, *, what: str, rows: int, wrote: int
) -> None:
    """Raise NotWritten if other rows than those of the difference were removed, added or changed, too."""
    existing, written = one_row(connection, now, parameters)
    if existing != rows or written > wrote:
        raise NotWritten(
            f"{what}: after its changes, this run expected {rows} rows, {wrote} of them written by it, but found "
            f"{existing} and {written}. A trigger or a rule of the table writes other rows, too: find it (\\d in "
            "psql), disable or correct it, then run the job again."
        )
