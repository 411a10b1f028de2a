"""Bring the rows of a job up to date, writing only what differs.

    <job>_difference.sql  =>  temporary table "difference"  =>  guard rails  =>  <job>_apply.sql  =>  <job>_written.sql

One statement finds the rows that differ. They are counted and checked, and only they are written, in the same
transaction and in key order. Then they are read again, because a trigger can swallow or change what was written.
Readers see either the old rows or the new ones. A night without changes writes nothing.
"""

from sync_jobs.errors import NotWritten, state_on_error
from sync_jobs.guard_rail import ALWAYS_ALLOWED, Effect, Limits, check_guard_rails, full_headroom
from sync_jobs.postgres.statements import Connection, Parameters, execute, one_row
from sync_jobs.report import Outcome


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
    loss: str = "remove",
) -> Outcome:
    """Apply the difference of a job inside the caller's transaction.

    name: prefix of the SQL files. <name>_difference makes the temporary table "difference": one row for each row
    that is not as it should be, with its change ('added', 'changed' or 'removed') and is_loss, whether the guard
    rail counts it as lost (a row, or a value, that would be lost if a source is broken). <name>_apply writes them.
    <name>_written counts those that are in the table as they should be, and those whose row of the application is gone.
    existing: the statement that counts the existing rows; for a field update, the candidates. what: the table, for
    messages. at_risk: of a field update, the statement that counts what can be lost and what exists. loss: what would
    happen to the lost, for messages. Raises GuardRail and NotWritten, which must end the transaction without effect.
    """
    in_place = one_row(connection, existing, parameters)[0]
    execute(connection, f"{name}_difference", parameters)
    added, changed, removed, lost, altered = one_row(connection, "session/difference_counts")
    headroom = full_headroom()
    with state_on_error("Nothing was written."):
        if max(added, lost, altered) > ALWAYS_ALLOWED:
            losable, whole = one_row(connection, at_risk, parameters) if at_risk else (None, in_place)
            effect = Effect(existing=whole, at_risk=losable, lost=lost, added=added, changed=altered)
            headroom = check_guard_rails({what: effect}, limits, loss=loss)
        if not dry_run and added + changed + removed:
            execute(connection, f"{name}_apply", parameters)
            gone = _check_written(connection, name, parameters, what=what, expected=added + changed + removed)
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
