"""How a task fails without a retry: its reason goes to its log and to an XCom, for recovery and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Context

# The key of the XCom with the reason of a failure.
REASON = "reason"


def note_reason(context: Context, reason: str) -> None:
    """Store the reason of a failure in an XCom of the task. It must not contain personal data."""
    context["ti"].xcom_push(key=REASON, value=reason)


def fail(context: Context, reason: str) -> NoReturn:
    """Fail the task without a retry."""
    note_reason(context, reason)
    raise AirflowFailException(reason)
