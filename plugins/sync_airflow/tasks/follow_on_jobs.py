"""What is run after a job: the jobs that the table names, one after the other, each in its own DAG.

The runs form a chain. Each starts the next as its last task and ends; it does not wait for it. A run that
waited would keep the one place its DAG has for running runs, and could wait for ever: for a run that queues
behind a nightly run, whose sensor waits for a nightly run that queues behind the waiting one.
A job that fails ends the chain; once its run is cleared and succeeds, the chain goes on.

A run of a night starts nothing: the next job has a run of its own, whose sensors wait. But if it was cleared, they
have long ended, badly perhaps, and Airflow clears no further than its own DAG. So it clears the next job's run of
the same night; that one's sensors wait for it again, and it does the same after its success.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowSkipException

from sync_airflow import task_defaults
from sync_airflow.night_rules import OPERATOR_TRIGGERED, SCHEDULED, belongs_to_a_night, between, chosen_date, own_date
from sync_jobs.catalogue import Job, find_job, jobs_to_run_after, jobs_waiting_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

RUN_NEXT_JOB = "run_next_job"

# Key of a run's conf: DAG ids of what is to be run after it. Not a param: nobody fills it in by hand.
THEN_RUN = "then_run"

# How the ids of runs in a chain begin.
AFTER = "after"

# Airflow's limit is 250; child ids add a few characters of their own.
MAXIMUM_PARENT_RUN_ID = 200


def jobs_to_run_next(job: Job, *, run_type: str, params: Mapping[str, Any], conf: Mapping[str, Any]) -> tuple[Job, ...]:
    """The jobs still to be run after this run, in order. None after a scheduled run, nor after a dry run.

    A run by hand starts the chain, if run_follow_on_jobs says so; a run in the chain carries the rest in its conf.
    """
    if belongs_to_a_night(run_type) or params["dry_run"]:
        return ()
    if run_type == OPERATOR_TRIGGERED and conf.get(THEN_RUN):
        return tuple(find_job(dag_id) for dag_id in conf[THEN_RUN])
    return jobs_to_run_after(job) if params["run_follow_on_jobs"] else ()


def conf_of_next(run_date: date, rest: tuple[Job, ...]) -> dict[str, Any]:
    """What the next run in the chain is started with."""
    return {
        "run_date": run_date.isoformat(),
        "run_follow_on_jobs": False,
        THEN_RUN: [job.dag_id for job in rest],
    }


def run_id_of_night(tick: datetime) -> str:
    """The id that Airflow gives to a scheduled run of that tick."""
    return f"{SCHEDULED}__{tick.astimezone(UTC).isoformat()}"


def child_run_id(prefix: str, run_id: str, try_number: int) -> str:
    """A run id that tells from which run it came, and that a cleared and repeated task does not make twice.

    after__manual__2026-02-28T09:00:00+00:00__1, and the run that this one starts: the same with __1 once more.
    """
    return f"{prefix}__{run_id.removeprefix(f'{prefix}__')[:MAXIMUM_PARENT_RUN_ID]}__{try_number}"


class RunNextJobOperator(TriggerDagRunOperator):
    """Starts the next run of the chain or, in a cleared run of a night, clears the next job's; else skips itself."""

    def __init__(self, *, job_name: str, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=find_job(job_name).dag_id,  # replaced when it runs
            fail_when_dag_is_paused=True,  # else the run would queue until somebody unpauses it
            execution_timeout=task_defaults.SHORT_TASK_TIMEOUT,
            **task_defaults.RETRIES,
            **kwargs,
        )
        self.job_name = job_name

    def execute(self, context: Context) -> None:
        run, params = context["dag_run"], context["params"]
        job = find_job(self.job_name)
        if run.run_type == SCHEDULED and run.logical_date and run.clear_number:
            self._clear_next_of_night(context, job, run.logical_date)
        jobs = jobs_to_run_next(job, run_type=run.run_type, params=params, conf=run.conf or {})
        if not jobs:
            raise AirflowSkipException("No job is to be run after this run.")
        self.log.info("To be run after %s, in this order: %s", job.name, ", ".join(next_.name for next_ in jobs))
        run_date = chosen_date(params["run_date"], own_date(run.run_type, run.logical_date, run.run_after))
        self.trigger_dag_id = jobs[0].dag_id
        self.conf = conf_of_next(run_date, jobs[1:])
        self.trigger_run_id = child_run_id(AFTER, run.run_id, context["ti"].try_number)
        super().execute(context)

    def _clear_next_of_night(self, context: Context, job: Job, tick: datetime) -> None:
        """Leaves with Airflow's order to clear the run, or skips this task if there is none (yet)."""
        for next_ in jobs_waiting_for(job)[:1]:
            run_id = run_id_of_night(tick + between(job, next_))
            if context["ti"].get_dr_count(dag_id=next_.dag_id, run_ids=[run_id]):
                self.log.info("This run was cleared, so %s is run again, too: %s", next_.name, run_id)
                self.trigger_dag_id, self.trigger_run_id, self.reset_dag_run = next_.dag_id, run_id, True
                super().execute(context)
        raise AirflowSkipException("No job of that night has had a run after this one.")
