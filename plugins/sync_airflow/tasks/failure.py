"""How a task fails for good: its reason goes to its log and, for whoever asks later, to an XCom."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Context

# The key of the XCom in which a task that failed says why.
REASON = "reason"


def note_reason(context: Context, reason: str) -> None:
    """Leave the reason of a failure in the task's XCom; in words of our own, without personal data."""
    context["ti"].xcom_push(key=REASON, value=reason)


def fail(context: Context, reason: str) -> NoReturn:
    """End the task as failed, without another try."""
    note_reason(context, reason)
    raise AirflowFailException(reason)
