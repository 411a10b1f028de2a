"""The attempts of a task: Airflow repeats a task that is to be retried, and one that a person clears."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Context


def first_attempt(context: Context) -> int:
    """The number of the first attempt since the task was last cleared. Automatic retries have higher numbers."""
    number: int = context["ti"].max_tries - (context["task"].retries or 0) + 1
    return number


def is_first_attempt(context: Context) -> bool:
    """Whether this is not an automatic retry. A cleared task starts with a first attempt again."""
    return bool(context["ti"].try_number == first_attempt(context))
