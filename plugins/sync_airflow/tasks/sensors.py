"""The sensor that waits for an earlier job of the same night, without occupying a worker."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import pendulum
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk.exceptions import AirflowSkipException

from sync_airflow import task_defaults
from sync_airflow.night_rules import (
    SCHEDULED,
    between,
    covering_run,
    night_tick,
    reason_not_to_count,
    reason_not_to_wait,
    run_ids_of_night,
    run_type_of,
)
from sync_airflow.tasks.failure import fail
from sync_airflow.tasks.past_successes import assets_of_night, past_successes, skip_if_covered
from sync_airflow.tasks.triggers import RECHECK, NightlyRunTrigger
from sync_jobs.catalogue import find_job

if TYPE_CHECKING:
    from airflow.sdk import Context

    from sync_jobs.catalogue import Job


def wait_task_id(upstream: Job) -> str:
    """The id of the task that waits for this job."""
    return f"wait_for_{upstream.dag_id}"


class NightlyJobSensor(ExternalTaskSensor):
    """Waits for the run of an earlier job in the same night, as a deferred task.

    Passes once that run has done its work, or the upstream job has done it in another run that started after its tick
    (recovery, a manual run). Fails once that run has failed, if it was only a dry run, or if it will never exist; with
    any_end it passes in these cases too. Skips itself in a manual run, which does not wait, and in a scheduled run with
    nothing left to do.

    job_name, upstream_name: names in the table of jobs.
    """

    def __init__(self, *, job_name: str, upstream_name: str, any_end: bool = False, **kwargs: Any) -> None:
        job, upstream = find_job(job_name), find_job(upstream_name)
        super().__init__(
            external_dag_id=upstream.dag_id,
            execution_delta=between(upstream, job),
            allowed_states=(*task_defaults.ALLOWED_STATES, *(task_defaults.FAILED_STATES if any_end else ())),
            failed_states=() if any_end else task_defaults.FAILED_STATES,
            poke_interval=task_defaults.POKE_INTERVAL.total_seconds(),
            timeout=task_defaults.WAIT_TIMEOUT.total_seconds(),
            execution_timeout=task_defaults.SHORT_TASK_TIMEOUT,  # of each check; between checks the task is deferred
            deferrable=True,
            inlets=list({asset.name: asset for asset in (*assets_of_night(upstream), *assets_of_night(job))}.values()),
            **task_defaults.RETRIES,
            **kwargs,
        )
        self.job_name = job_name
        self.upstream_name = upstream_name
        self.any_end = any_end

    def execute(self, context: Context) -> None:
        if night_tick(context["dag_run"]) is None:
            raise AirflowSkipException("Manual run: does not wait for other jobs.")
        job = find_job(self.job_name)
        skip_if_covered(context, job, past_successes(context))
        self._wait(context)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        status = event["status"] if event else RECHECK
        if status == "success":
            self._refuse_other_work(context)
            self.log.info("%s has ended.", self.upstream_name)
        elif status == RECHECK:
            self._wait(context)
        elif not self._upstream_covered(context):
            self._fail(context, f"{self.upstream_name} failed in the night of {self.upstream_tick(context):%Y-%m-%d}")

    def _wait(self, context: Context) -> None:
        """Return if there is nothing to wait for, fail if the run will never exist, otherwise defer."""
        if self._upstream_covered(context):
            return
        tick = self.upstream_tick(context)
        never = self._reason_not_to_wait(context, tick)
        if never and self.any_end:
            self.log.info("%s Not waiting for it.", never)
            return
        if never:
            self._fail(context, never.rstrip("."))
        waiting_since = context["dag_run"].start_date or context["ti"].start_date
        if waiting_since + task_defaults.WAIT_TIMEOUT < pendulum.now("UTC"):
            self._fail(context, self._late(context, tick))
        self.log.info("Waiting for the run of %s that is due at %s.", self.upstream_name, tick)
        self.defer(
            trigger=NightlyRunTrigger(
                external_dag_id=self.external_dag_id,
                run_ids=run_ids_of_night(tick),
                allowed_states=self.allowed_states,
                failed_states=self.failed_states,
                poke_interval=self.poke_interval,
                recheck_after=task_defaults.RECHECK_AFTER.total_seconds(),
            ),
            method_name="execute_complete",
            timeout=task_defaults.WAIT_TIMEOUT,
        )

    def _late(self, context: Context, tick: datetime) -> str:
        """Why the wait has taken too long, as a clause."""
        if context["ti"].get_dr_count(dag_id=self.external_dag_id, run_ids=run_ids_of_night(tick)):
            return f"{self.upstream_name} has not ended within {task_defaults.WAIT_TIMEOUT}"
        return (
            f"{self.upstream_name} has had no run within {task_defaults.WAIT_TIMEOUT} (perhaps a run that is planned "
            "for a later time blocks its scheduled runs: delete the run that the page at /sync/ names)"
        )

    def upstream_tick(self, context: Context) -> datetime:
        """When the run that it waits for was due, in UTC."""
        tick = night_tick(context["dag_run"])
        if tick is None:
            raise ValueError("a manual run waits for no other job")
        return tick - between(find_job(self.upstream_name), find_job(self.job_name))

    def _upstream_covered(self, context: Context) -> bool:
        """Whether the upstream job has done the work of that night in another run than the awaited one."""
        if run_type_of(context["dag_run"]) != SCHEDULED:
            return False  # a backfill only counts runs of its own nights
        upstream = find_job(self.upstream_name)
        covering = covering_run(upstream, self.upstream_tick(context), past_successes(context))
        if covering:
            self.log.info("The run %s has done the work of %s.", covering.run_id, upstream.name)
        return covering is not None

    def _reason_not_to_wait(self, context: Context, tick: datetime) -> str | None:
        # The DAG is queried first: once its next tick is a later one, the run of this tick exists or never will.
        dag = context["ti"].get_dag(self.external_dag_id)
        # The run is identified by its id, because another run may have its logical date, for instance a dry run.
        runs = context["ti"].get_dr_count(dag_id=self.external_dag_id, run_ids=run_ids_of_night(tick))
        if not runs:
            # Such a run starts the one that is missing (tasks/missing_runs.py).
            runs = context["ti"].get_dr_count(
                dag_id=self.external_dag_id, logical_dates=[tick], states=["queued", "running"]
            )
        upstream = find_job(self.upstream_name)
        return reason_not_to_wait(upstream, tick, runs=runs, is_paused=dag.is_paused, next_tick=dag.next_dagrun)

    def _refuse_other_work(self, context: Context) -> None:
        """Fail if the awaited run succeeded, but its work was not that of the night."""
        if self.any_end:
            return
        reason = reason_not_to_count(find_job(self.upstream_name), self.upstream_tick(context), past_successes(context))
        if reason and not self._upstream_covered(context):
            self._fail(context, f"{self.upstream_name} has not done its work tonight: {reason}")

    def _fail(self, context: Context, why: str) -> NoReturn:
        fail(
            context,
            f"{why}, so {self.job_name} does not run on stale data. Once {self.upstream_name} has succeeded for that "
            f"night, clear this task with all downstream tasks, or run {self.job_name} manually.",
        )
