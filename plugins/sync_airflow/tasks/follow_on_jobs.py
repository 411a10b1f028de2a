"""Follow-on jobs: the jobs that run after a manual run, one after the other, each in its own DAG.

The runs form a chain. Each run starts the next one as its last task and ends without waiting for it. If it waited, it
could deadlock, because a DAG allows one running run: the run that it waits for may be queued behind a nightly run,
whose sensor waits for another nightly run, which is queued behind the waiting run.
A failed job ends the chain; if its run is cleared and succeeds, the chain continues.

A run of a night starts nothing: the next job has its own run, whose sensors wait. But if the run was cleared, those
sensors have already ended, perhaps in failure, and Airflow does not clear other DAGs. So a cleared run clears the next
job's run of the same night. The sensors of that run wait again, and after its success it does the same.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowSkipException

from sync_airflow import task_defaults
from sync_airflow.attempts import first_attempt
from sync_airflow.night_rules import (
    OPERATOR_TRIGGERED,
    SCHEDULED,
    belongs_to_a_night,
    between,
    chosen_date,
    night_tick,
    own_date,
    run_ids_of_night,
    run_type_of,
)
from sync_airflow.run_ids import AFTER, child_run_id
from sync_airflow.tasks.conditional_task import ConditionalTask
from sync_jobs.catalogue import Job, find_job, jobs_to_run_after, jobs_waiting_for
from sync_jobs.parameter_names import CONFIRM_RUN_DATE, DRY_RUN, FOLLOW_ON, RUN_DATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

RUN_NEXT_JOB = "run_next_job"

# Key of a run's conf: the DAG ids to run after it. It is not a param, because no person fills it in.
THEN_RUN = "then_run"


def jobs_to_run_next(job: Job, *, run_type: str, params: Mapping[str, Any], conf: Mapping[str, Any]) -> tuple[Job, ...]:
    """The jobs still to run after this run, in order. Empty after a scheduled run and after a dry run.

    A manual run starts the chain unless run_follow_on_jobs is false. A run in the chain has the rest in its conf.
    """
    if belongs_to_a_night(run_type) or params[DRY_RUN]:
        return ()
    if run_type == OPERATOR_TRIGGERED and conf.get(THEN_RUN):
        return tuple(find_job(dag_id) for dag_id in conf[THEN_RUN])
    return jobs_to_run_after(job) if params[FOLLOW_ON] else ()


def cleared_tick(run: Any) -> datetime | None:
    """The tick of a scheduled run that was cleared; None for other runs."""
    return night_tick(run) if run_type_of(run) == SCHEDULED and run.clear_number else None


def conf_of_next(run_date: date, rest: tuple[Job, ...]) -> dict[str, Any]:
    """The conf of the next run in the chain."""
    return {
        RUN_DATE: run_date.isoformat(),
        FOLLOW_ON: False,
        CONFIRM_RUN_DATE: True,  # the run that began the chain was checked
        THEN_RUN: [job.dag_id for job in rest],
    }


class RunNextJobOperator(ConditionalTask, TriggerDagRunOperator):
    """Starts the next run of the chain, or clears the next job's run if this is a cleared run of a night.

    Skips itself if there is nothing to do.
    """

    def __init__(self, *, job_name: str, **kwargs: Any) -> None:
        super().__init__(
            task_display_name="run the next job (if any)",
            doc_md="Skipped if no job follows: in a run of a night, and in a dry run. This is expected.",
            trigger_dag_id=find_job(job_name).dag_id,  # replaced in execute()
            skip_when_already_exists=True,  # in a retry, if the previous attempt has started the run
            fail_when_dag_is_paused=True,  # otherwise the run would stay queued
            execution_timeout=task_defaults.SHORT_TASK_TIMEOUT,
            **task_defaults.RETRIES,
            **kwargs,
        )
        self.job_name = job_name

    def execute(self, context: Context) -> None:
        run, params = context["dag_run"], context["params"]
        job = find_job(self.job_name)
        tick = cleared_tick(run)
        if tick:
            self._clear_next_of_night(context, job, tick)
        jobs = self._jobs(context)
        if not jobs:
            raise AirflowSkipException("There is no job to run after this run.")
        self.log.info("Next after %s, in this order: %s", job.name, ", ".join(next_.name for next_ in jobs))
        run_date = chosen_date(params[RUN_DATE], own_date(run.run_type, run.logical_date, run.run_after))
        self.trigger_dag_id = jobs[0].dag_id
        self.conf = conf_of_next(run_date, jobs[1:])
        self.trigger_run_id = child_run_id(AFTER, run.run_id, first_attempt(context))
        super().execute(context)

    def has_work(self, context: Context) -> bool:
        return cleared_tick(context["dag_run"]) is not None or bool(self._jobs(context))

    def _jobs(self, context: Context) -> tuple[Job, ...]:
        run = context["dag_run"]
        job, run_type = find_job(self.job_name), run_type_of(run)
        return jobs_to_run_next(job, run_type=run_type, params=context["params"], conf=run.conf or {})

    def _clear_next_of_night(self, context: Context, job: Job, tick: datetime) -> None:
        """Raises the exception that makes Airflow clear the run; skips this task if there is no such run (yet)."""
        for next_ in jobs_waiting_for(job)[:1]:
            for run_id in run_ids_of_night(tick + between(job, next_)):
                if not context["ti"].get_dr_count(dag_id=next_.dag_id, run_ids=[run_id]):
                    continue
                self.log.info("This run was cleared, so %s runs again too: %s", next_.name, run_id)
                self.trigger_dag_id, self.trigger_run_id, self.reset_dag_run = next_.dag_id, run_id, True
                super().execute(context)
        raise AirflowSkipException("No later job of that night has had a run yet.")
