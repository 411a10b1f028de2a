"""Errors of PostgreSQL and its driver, translated into SyncJobError: those that can pass and those that cannot."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from sync_jobs.errors import AccessRefused, SyncJobError, TransientError

# SQLSTATE classes and codes of what can pass: lost or refused connections, conflicts between transactions, full or
# overloaded resources, locks, statements and transactions that took too long, a server that shuts down, one that is
# read-only (25006) because it has not become the primary yet.
TRANSIENT_STATES = ("08", "25006", "25P03", "25P04", "40", "53", "55P03", "57")

# What else the role needs, by the SQLSTATE of the refusal: 42501, a permission is missing or a policy would hide rows.
NO_PERMISSION = "42501"


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
