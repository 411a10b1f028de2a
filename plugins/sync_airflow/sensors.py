"""Waiting for the same night's run of an earlier job: without a worker, and never for a run that will not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from sync_airflow import policy
from sync_airflow.job_operator import asset_of, past_successes, skip_if_covered
from sync_airflow.nights import SCHEDULED, belongs_to_a_night, between, covering_run
from sync_jobs.catalogue import find_job

if TYPE_CHECKING:
    from airflow.sdk import Context


class NightlyJobSensor(ExternalTaskSensor):
    """Waits for the run of an earlier job in the same night, as a deferred task.

    Passes when that run has succeeded, or when the upstream job has succeeded in another run that started
    after its tick (recovery, by hand). Fails as soon as that run has failed, unless whatever_end.
    Skips itself in a run by hand, which waits for nothing, and in a scheduled run that has nothing left to do.

    job_name, upstream_name: names in the table of jobs. whatever_end: a failed upstream is waited for, too.
    """

    def __init__(self, *, job_name: str, upstream_name: str, whatever_end: bool = False, **kwargs: Any) -> None:
        job, upstream = find_job(job_name), find_job(upstream_name)
        super().__init__(
            external_dag_id=upstream.dag_id,
            execution_delta=between(upstream, job),
            allowed_states=(*policy.ALLOWED_STATES, *(policy.FAILED_STATES if whatever_end else ())),
            failed_states=() if whatever_end else policy.FAILED_STATES,
            poke_interval=policy.POKE_INTERVAL.total_seconds(),
            timeout=policy.WAIT_TIMEOUT.total_seconds(),
            execution_timeout=policy.WAIT_TIMEOUT,
            deferrable=True,
            inlets=[asset_of(job), asset_of(upstream)],
            **policy.RETRIES,
            **kwargs,
        )
        self.job_name = job_name
        self.upstream_name = upstream_name
        self.whatever_end = whatever_end

    def execute(self, context: Context) -> None:
        if not belongs_to_a_night(context["dag_run"].run_type):
            raise AirflowSkipException("Run by hand: waits for no other job.")
        job = find_job(self.job_name)
        skip_if_covered(context, job, past_successes(context, job))
        if self._upstream_covered(context):
            return
        super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> None:
        if event and event["status"] == "failed" and not self._upstream_covered(context):
            raise AirflowFailException(
                f"{self.upstream_name} failed tonight, so {self.job_name} does not run on what it left. "
                f"Repair and run {self.upstream_name} again, then clear this task with all that is downstream."
            )

    def _upstream_covered(self, context: Context) -> bool:
        """Whether the upstream job has done tonight's work in another run than the one waited for."""
        if context["dag_run"].run_type != SCHEDULED:
            return False  # a backfill is for its own nights alone
        (tick,) = self._get_dttm_filter(context)
        upstream = find_job(self.upstream_name)
        covering = covering_run(tick, "", past_successes(context, upstream))
        if covering:
            self.log.info("%s: done by the run %s.", upstream.name, covering.run_id)
        return covering is not None
