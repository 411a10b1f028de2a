"""Refusal of a run that was given what its DAG does not know.

Airflow takes any key in a run's conf and ignores it: with {"dryrun": true} the run would be a real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_airflow.tasks.failure import fail
from sync_airflow.tasks.follow_on_jobs import THEN_RUN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.sdk import Context

# Keys that our own tasks give to the runs they start, beside params.
INTERNAL_KEYS = (THEN_RUN,)


def refuse_unknown_keys(context: Context, params: Iterable[str]) -> None:
    """Raise AirflowFailException if the run's conf has a key that is none of these params, nor internal."""
    expected = list(params)
    unknown = [key for key in context["dag_run"].conf or {} if key not in (*expected, *INTERNAL_KEYS)]
    if unknown:
        fail(
            context,
            f"This run was given {', '.join(map(repr, unknown))}, which it does not know; expected are "
            f"{', '.join(expected)}. Nothing was started.",
        )
