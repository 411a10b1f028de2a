"""A scheduled run that Airflow does not create, because another run has its logical date: it is reported and replaced.

Airflow identifies the run of a tick by its logical date. If somebody starts a run with exactly that logical date, for
instance a dry run over REST, Airflow's scheduler finds that "the run already exists" and skips the night. The other run
then starts the run that is missing: at the tick, with the id in_place__<tick>. It behaves like the scheduled one: it
waits for the upstream jobs, and skips itself if another run has done its work.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowSkipException

from sync_airflow import task_defaults
from sync_airflow.messages.announcements import announce_missing_run
from sync_airflow.night_rules import IN_PLACE, chosen_date, displaced_tick, own_date
from sync_airflow.tasks.conditional_task import ConditionalTask
from sync_airflow.tasks.failure import fail
from sync_jobs.catalogue import Job, find_job
from sync_jobs.errors import BadArgument
from sync_jobs.parameter_names import DATE_OVERRIDE, DRY_RUN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

REPLACE_MISSING_RUN = "replace_missing_run"

# A replacement waits for its tick as a queued run, and Airflow creates no other run of a night until then. So a tick
# that is further away than the next night gets no replacement.
LONGEST_WAIT = timedelta(days=1)


class ReplaceMissingRunOperator(ConditionalTask, TriggerDagRunOperator):
    """Starts a replacement of the scheduled run that this run displaces. Skips itself if it displaces none."""

    def __init__(self, *, job_name: str, **kwargs: Any) -> None:
        job = find_job(job_name)
        super().__init__(
            task_id=REPLACE_MISSING_RUN,
            task_display_name="replace a missing run (if any)",
            doc_md="Skipped unless this run has the logical date of a scheduled run. This is expected.",
            trigger_dag_id=job.dag_id,
            skip_when_already_exists=True,  # if this task is cleared
            trigger_rule="none_skipped",  # also if the job has failed; it skips itself only in a scheduled run
            execution_timeout=task_defaults.SHORT_TASK_TIMEOUT,
            **task_defaults.RETRIES,
            **kwargs,
        )
        self.job_name = job_name

    def execute(self, context: Context) -> None:
        tick = self._displaced_tick(context)
        if tick is None:
            raise AirflowSkipException("This run does not take the place of a scheduled run.")
        if tick - pendulum.now("UTC") > LONGEST_WAIT:
            fail(context, _too_early(find_job(self.job_name), context["dag_run"].run_id, tick))
        self.trigger_run_id = f"{IN_PLACE}__{tick.isoformat()}"
        self.run_after = tick
        self.log.warning(
            "Airflow creates no scheduled run of %s, because this run has its logical date. %s replaces it.",
            tick,
            self.trigger_run_id,
        )
        announce_missing_run(context, tick, self.trigger_run_id)
        super().execute(context)

    def has_work(self, context: Context) -> bool:
        return self._displaced_tick(context) is not None

    def _displaced_tick(self, context: Context) -> datetime | None:
        run = context["dag_run"]
        other_work = does_other_work(run, context["params"])
        return displaced_tick(find_job(self.job_name), run, does_other_work=other_work, now=pendulum.now("UTC"))


def does_other_work(run: Any, params: Mapping[str, Any]) -> bool:
    """Whether a run does not do the work of its night: a dry run, or one for other dates."""
    if params[DRY_RUN] or (params.get(DATE_OVERRIDE) or "").strip():
        return True
    own = own_date(run.run_type, run.logical_date, run.run_after)
    try:
        return chosen_date(params.get("run_date"), own) != own
    except BadArgument:
        return True  # its job fails


def _too_early(job: Job, run_id: str, tick: datetime) -> str:
    return (
        f"The run {run_id} has the logical date of the scheduled run of {tick.astimezone(UTC):%Y-%m-%d %H:%M} UTC, so "
        f"Airflow will not create that run, and {job.name} will not run that night. Delete the run {run_id} before "
        "then. Start manual runs without a logical date."
    )
