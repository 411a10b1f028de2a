"""Refusal of a run whose conf has an unknown key, or a date that is probably a typing error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_airflow.dag_ids import ONLY_JOBS
from sync_airflow.night_rules import refuse_far_date, refuse_wrong_first_date
from sync_airflow.settings import maximum_run_date_days
from sync_airflow.tasks.failure import fail
from sync_airflow.tasks.follow_on_jobs import THEN_RUN
from sync_jobs.errors import BadArgument
from sync_jobs.parameter_names import CONFIRM_RUN_DATE, FIRST_DATE
from sync_jobs.parameters import refuse_unknown_parameters
from sync_jobs.run_dates import parse_date

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from airflow.sdk import Context

# Keys of a run's conf that no person fills in. They are not params.
INTERNAL_KEYS = (THEN_RUN, ONLY_JOBS)


def refuse_unknown_keys(context: Context, params: Iterable[str]) -> None:
    """Fail the task without a retry if the run's conf has a key that is neither one of these params nor internal."""
    given = [key for key in context["dag_run"].conf or {} if key not in INTERNAL_KEYS]
    try:
        refuse_unknown_parameters(given, params)
    except BadArgument as error:
        fail(context, str(error))


def checked_first_date(context: Context, run_date: date, own: date) -> date | None:
    """The param first_date, None if it is empty or the DAG does not take it.

    Fails the task without a retry if the run date is far from the run's own date and not confirmed, or if the first
    date is no date, after the run date, or far before it and not confirmed.
    """
    params = context["params"]
    given = params.get(FIRST_DATE)
    try:
        maximum_days, confirmed = maximum_run_date_days(), bool(params[CONFIRM_RUN_DATE])
        refuse_far_date(run_date, own, maximum_days=maximum_days, confirmed=confirmed)
        first = parse_date(given) if given else None
        if first:
            refuse_wrong_first_date(first, run_date, maximum_days=maximum_days, confirmed=confirmed)
    except (BadArgument, ValueError) as error:
        fail(context, str(error))
    return first
