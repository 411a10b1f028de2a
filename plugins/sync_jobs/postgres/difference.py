"""Bring the rows of a job up to date, writing only what differs.

    <job>_difference.sql  =>  temporary table "difference"  =>  guard rail  =>  <job>_apply.sql

One statement finds the rows that differ. They are counted and checked, and only they are written, in the same
transaction and in key order. Readers see either the old rows or the new ones. A night without changes writes nothing.
"""

from sync_jobs.errors import state_on_error
from sync_jobs.guard_rail import ALWAYS_ALLOWED_REMOVALS, Limits, check_guard_rail
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
    rail counts it (a row, or a value, that would be lost if a source is broken). <name>_apply writes them.
    existing: the statement that counts the existing rows; for a field update, the candidates. what: the table, for
    messages. at_risk: the statement that counts what can be lost, if not the existing rows. loss: what
    would happen to them, for messages. Raises GuardRail.
    """
    in_place = one_row(connection, existing, parameters)[0]
    execute(connection, f"{name}_difference", parameters)
    added, changed, removed, lost = one_row(connection, "session/difference_counts")
    if lost > ALWAYS_ALLOWED_REMOVALS:
        whole = one_row(connection, at_risk, parameters)[0] if at_risk else in_place
        with state_on_error("Nothing was written."):
            check_guard_rail(what, lost, whole, limits, loss=loss)
    if not dry_run and added + changed + removed:
        execute(connection, f"{name}_apply", parameters)
    unchanged = in_place - changed - removed
    return Outcome(read=unchanged + changed + added, added=added, changed=changed, removed=removed, unchanged=unchanged)
