"""Refusal of a run whose conf has an unknown key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_airflow.tasks.failure import fail
from sync_airflow.tasks.follow_on_jobs import THEN_RUN
from sync_jobs.errors import BadArgument
from sync_jobs.parameters import refuse_unknown_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.sdk import Context

# Keys that our own tasks add to the conf of the runs they start. They are not params.
INTERNAL_KEYS = (THEN_RUN,)


def refuse_unknown_keys(context: Context, params: Iterable[str]) -> None:
    """Fail the task without a retry if the run's conf has a key that is neither one of these params nor internal."""
    given = [key for key in context["dag_run"].conf or {} if key not in INTERNAL_KEYS]
    try:
        refuse_unknown_parameters(given, params)
    except BadArgument as error:
        fail(context, str(error))
