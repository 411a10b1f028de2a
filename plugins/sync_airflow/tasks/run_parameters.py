"""Refusal of a run whose conf has an unknown key, or a run date that is probably a typing error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync_airflow.dag_ids import ONLY_JOBS
from sync_airflow.night_rules import refuse_far_date
from sync_airflow.settings import maximum_run_date_days
from sync_airflow.tasks.failure import fail
from sync_airflow.tasks.follow_on_jobs import THEN_RUN
from sync_jobs.errors import BadArgument
from sync_jobs.parameters import CONFIRM_RUN_DATE, refuse_unknown_parameters

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


def refuse_unconfirmed_date(context: Context, run_date: date, own: date) -> None:
    """Fail the task without a retry if the run date is far from the run's own date and not confirmed."""
    try:
        confirmed = bool(context["params"][CONFIRM_RUN_DATE])
        refuse_far_date(run_date, own, maximum_days=maximum_run_date_days(), confirmed=confirmed)
    except (BadArgument, ValueError) as error:
        fail(context, str(error))
