"""Recovery: all jobs one after the other, in the order of the table, each as a run of its own DAG."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import DagIsPaused, TriggerDagRunOperator
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    DagRunTriggerException,
    TaskDeferralTimeout,
)

from sync_airflow import task_defaults
from sync_airflow.attempts import first_attempt, is_first_attempt
from sync_airflow.dag_ids import ONLY_JOBS, RECOVERY
from sync_airflow.night_rules import chosen_date, own_date
from sync_airflow.run_ids import child_run_id
from sync_airflow.tasks.failure import fail
from sync_airflow.tasks.run_parameters import checked_first_date, refuse_unknown_keys
from sync_airflow.tasks.triggers import FAILED, RECHECK, SUCCESS, NightlyRunTrigger
from sync_jobs.catalogue import JOBS, Job, find_job, upstream_jobs
from sync_jobs.errors import BadArgument
from sync_jobs.parameter_names import FOLLOW_ON, RUN_DATE
from sync_jobs.parameters import job_parameters

if TYPE_CHECKING:
    from datetime import date
    from typing import NoReturn

    from airflow.sdk import Context


def checked_run_date(context: Context, params: Iterable[str]) -> date:
    """The run date of all jobs: the param, or the UTC date on which this recovery started.

    Fails the task without a retry if a parameter of the recovery is wrong. params: the names of those that it takes.
    """
    refuse_unknown_keys(context, params)
    try:
        run_date = chosen_date(context["params"]["run_date"], _own_date(context))
    except BadArgument as error:
        fail(context, str(error))
    checked_first_date(context, run_date, _own_date(context))
    return run_date


def _own_date(context: Context) -> date:
    run = context["dag_run"]
    return own_date(run.run_type, run.logical_date, run.run_after)


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


def wanted_jobs(context: Context) -> tuple[Job, ...]:
    """The jobs that this recovery runs, in table order: all, unless its conf names some. Raises BadArgument."""
    names = (context["dag_run"].conf or {}).get(ONLY_JOBS)
    if names is None:
        return JOBS
    known = [job.dag_id for job in JOBS]
    if not isinstance(names, list) or not names or not all(name in known for name in names):
        raise BadArgument(f"{ONLY_JOBS}: expected a list with some of {', '.join(known)}. Nothing was started.")
    return tuple(job for job in JOBS if job.dag_id in names)


TRIGGERED_RUN_ID = "trigger_run_id"  # key of the XCom with the run that a task has started


class RecoverJobOperator(TriggerDagRunOperator):
    """Runs one job in its own DAG and waits for its end. Skips itself if an upstream job failed or was skipped.

    Most jobs take seconds, so it first watches its run by itself, for RECOVERY_PATIENCE. If that run does not start, or
    takes longer, it waits as a deferred task: its job needs a worker slot, and there may be only one. Airflow's own
    deferred wait has no time limit, so this class starts the run and defers by itself.

    A retry waits for the run that the previous attempt has started, so a lost attempt (its process was killed, the API
    server did not answer) does no harm. A job that failed is not repeated: its own task has had its retries.
    """

    def __init__(self, *, job_name: str, **kwargs: Any) -> None:
        job = find_job(job_name)
        super().__init__(
            task_id=job.dag_id,
            task_display_name=job.name,
            trigger_dag_id=job.dag_id,
            allowed_states=list(task_defaults.ALLOWED_STATES),
            failed_states=list(task_defaults.FAILED_STATES),
            fail_when_dag_is_paused=True,  # otherwise the run would stay queued, and recovery would wait
            trigger_rule="all_done",  # execute() checks the upstream jobs
            execution_timeout=task_defaults.SHORT_TASK_TIMEOUT,  # of the start; then the task is deferred
            **task_defaults.RETRIES,
            **kwargs,
        )
        self.job_name = job_name

    def execute(self, context: Context) -> None:
        run_date = checked_run_date(context, self.dag.params)
        job = find_job(self.job_name)
        try:
            wanted = wanted_jobs(context)
        except BadArgument as error:
            fail(context, str(error))
        if job not in wanted:
            raise AirflowSkipException(f"{job.name} is not one of the jobs that this recovery was asked to run.")
        # An upstream job that is not wanted counts as done: whoever chose the jobs has checked that.
        states = states_of_jobs(context, upstream_jobs(job))
        unfit = tuple(other for other in unfit_upstream_jobs(job, states) if other in wanted)
        if unfit:
            names = ", ".join(other.name for other in unfit)
            raise AirflowSkipException(f"{job.name} does not run, because its upstream did not succeed: {names}.")
        params, taken = context["params"], {parameter.name for parameter in job_parameters(job)}
        given = {name: params[name] for name in self.dag.params if name in taken and params[name] is not None}
        self.conf = given | {RUN_DATE: run_date.isoformat(), FOLLOW_ON: False}
        run_id = self.trigger_run_id = child_run_id(RECOVERY, context["dag_run"].run_id, first_attempt(context))
        if is_first_attempt(context) and context["ti"].get_dr_count(dag_id=job.dag_id, run_ids=[run_id]):
            fail(context, f"The run {run_id} of {job.dag_id} exists already: start a new recovery.")
        try:
            super().execute(context)
        except DagIsPaused:
            fail(context, f"The DAG {job.dag_id} is paused: unpause it, then run {job.name} again.")
        except DagRunTriggerException as request:
            start_run(request)
        context["ti"].xcom_push(key=TRIGGERED_RUN_ID, value=run_id)
        self.log.info("Waiting for the end of %s.", run_id)
        status = self._end_within_patience(context, run_id)
        if status:
            self.report_end(context, {"status": status})
            return
        self.defer(
            trigger=NightlyRunTrigger(
                external_dag_id=job.dag_id,
                run_ids=[run_id],
                allowed_states=list(task_defaults.ALLOWED_STATES),
                failed_states=list(task_defaults.FAILED_STATES),
                poke_interval=task_defaults.RECOVERY_POKE_INTERVAL.total_seconds(),
                recheck_after=task_defaults.RECOVERY_WAIT_TIMEOUT.total_seconds(),
                end_from_trigger=True,  # otherwise each job would cost another start of a process
            ),
            method_name="report_end",
            # A trigger that is restarted counts from the beginning; this deadline stays.
            timeout=task_defaults.RECOVERY_WAIT_TIMEOUT + task_defaults.SHORT_TASK_TIMEOUT,
        )

    def _end_within_patience(self, context: Context, run_id: str) -> str | None:
        """The end of the run, as in the event of NightlyRunTrigger; None if a longer wait must not hold this slot."""
        began = time.monotonic()
        while (waited := timedelta(seconds=time.monotonic() - began)) < task_defaults.RECOVERY_PATIENCE:
            if self._has_ended(context, run_id, SUCCESS, FAILED):
                return SUCCESS if self._has_ended(context, run_id, SUCCESS) else FAILED
            if waited > task_defaults.RECOVERY_START_PATIENCE and not self._is_at_work(context, run_id):
                return None
            time.sleep(task_defaults.RECOVERY_POKE_INTERVAL.total_seconds())
        return None

    def _has_ended(self, context: Context, run_id: str, *statuses: str) -> bool:
        end_states = {SUCCESS: task_defaults.ALLOWED_STATES, FAILED: task_defaults.FAILED_STATES}
        states = [state for status in statuses for state in end_states[status]]
        return context["ti"].get_dr_count(dag_id=self.trigger_dag_id, run_ids=[run_id], states=states) > 0

    def _is_at_work(self, context: Context, run_id: str) -> bool:
        """Whether a task of the run is running. If none is, there may be no worker slot for it."""
        by_run = context["ti"].get_task_states(dag_id=self.trigger_dag_id, run_ids=[run_id])
        return "running" in by_run.get(run_id, {}).values()

    def report_end(self, context: Context, event: dict[str, Any]) -> None:
        """Called when the run has ended, or the time limit is over (the event of NightlyRunTrigger)."""
        if event["status"] == RECHECK:
            self._fail_late(context)
        if event["status"] != SUCCESS:
            run_id = self._started_run(context)
            raise AirflowFailException(f"The run {run_id} of {self.job_name} failed: see the log of that run.")

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Called by Airflow at the end of the wait, also after its time limit: then it fails for good, as a retry would
        wait again.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            self._fail_late(context)

    def _fail_late(self, context: Context) -> NoReturn:
        fail(
            context,
            f"The run {self._started_run(context)} of {self.job_name} has not ended within "
            f"{task_defaults.RECOVERY_WAIT_TIMEOUT}. It may still be running: look at its tasks, and mark the run as "
            "failed to stop it.",
        )

    def _started_run(self, context: Context) -> str:
        run_id: str = context["ti"].xcom_pull(task_ids=self.task_id, key=TRIGGERED_RUN_ID)
        return run_id


def start_run(request: DagRunTriggerException) -> None:
    """Start the run that a TriggerDagRunOperator requests, as the task runner would do, unless it exists already.

    It exists if the previous attempt has started it, or if the answer to a first request was lost.
    """
    # Imported here, because only the process of a task has it.
    from airflow.sdk.execution_time.comms import TriggerDagRun  # noqa: PLC0415
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS  # noqa: PLC0415

    SUPERVISOR_COMMS.send(
        TriggerDagRun(
            dag_id=request.trigger_dag_id,
            run_id=request.dag_run_id,
            logical_date=request.logical_date,
            conf=request.conf,
            reset_dag_run=request.reset_dag_run,
        )
    )
