"""Recovery: all jobs one after the other, in the order of the table, each as a run of its own DAG."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowSkipException

from sync_airflow import task_defaults
from sync_airflow.dag_ids import RECOVERY
from sync_airflow.night_rules import chosen_date, own_date
from sync_airflow.tasks.follow_on_jobs import child_run_id
from sync_airflow.tasks.run_parameters import refuse_unknown_keys
from sync_jobs.catalogue import Job, find_job, upstream_jobs
from sync_jobs.parameters import FOLLOW_ON

if TYPE_CHECKING:
    from datetime import date

    from airflow.sdk import Context


def run_date_of(context: Context) -> date:
    """The run date of all jobs: the param, or the UTC date on which this recovery started."""
    run = context["dag_run"]
    return chosen_date(context["params"]["run_date"], own_date(run.run_type, run.logical_date, run.run_after))


def states_of_jobs(context: Context, jobs: tuple[Job, ...]) -> dict[str, str | None]:
    """The states of the jobs' tasks in this recovery, by DAG id; None if a task has not started."""
    run = context["dag_run"]
    if not jobs:
        return {}
    by_run = context["ti"].get_task_states(
        dag_id=run.dag_id, run_ids=[run.run_id], task_ids=[job.dag_id for job in jobs]
    )
    states = by_run.get(run.run_id, {})
    return {job.dag_id: states.get(job.dag_id) for job in jobs}


def unfit_upstream_jobs(job: Job, states: Mapping[str, str | None]) -> tuple[Job, ...]:
    """The upstream jobs that failed or were skipped. Their tables are stale, so this job must not run."""
    return tuple(other for other in upstream_jobs(job) if states.get(other.dag_id) != "success")


class RecoverJobOperator(TriggerDagRunOperator):
    """Runs one job in its own DAG and waits for its end. Skips itself if an upstream job failed or was skipped."""

    def __init__(self, *, job_name: str, **kwargs: Any) -> None:
        job = find_job(job_name)
        super().__init__(
            task_id=job.dag_id,
            task_display_name=job.name,
            trigger_dag_id=job.dag_id,
            wait_for_completion=True,
            poke_interval=1,
            allowed_states=list(task_defaults.ALLOWED_STATES),
            failed_states=list(task_defaults.FAILED_STATES),
            fail_when_dag_is_paused=True,  # otherwise the run would stay queued, and recovery would wait
            trigger_rule="all_done",  # execute() checks the upstream jobs
            execution_timeout=task_defaults.JOB_TIMEOUT,
            retries=0,  # the job's own task retries
            **kwargs,
        )
        self.job_name = job_name

    def execute(self, context: Context) -> None:
        refuse_unknown_keys(context, self.dag.params)
        job = find_job(self.job_name)
        unfit = unfit_upstream_jobs(job, states_of_jobs(context, upstream_jobs(job)))
        if unfit:
            names = ", ".join(other.name for other in unfit)
            raise AirflowSkipException(f"{job.name} does not run, because its upstream did not succeed: {names}.")
        run, params = context["dag_run"], context["params"]
        given = {name: params[name] for name in self.dag.params if params[name] is not None}
        self.conf = given | {"run_date": run_date_of(context).isoformat(), FOLLOW_ON: False}
        self.trigger_run_id = child_run_id(RECOVERY, run.run_id, context["ti"].try_number)
        super().execute(context)
