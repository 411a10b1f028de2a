"""The end of recovery: what each job did, and which jobs to run again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from sync_airflow import task_defaults
from sync_airflow.dag_ids import RUN_JOB
from sync_airflow.messages.announcements import VERDICT, announce_failure, announce_recovery
from sync_airflow.tasks.failure import REASON, fail
from sync_airflow.tasks.night_of_tasks import failed_run, night_known_to
from sync_airflow.tasks.past_successes import asset_of
from sync_airflow.tasks.recovery import (
    TRIGGERED_RUN_ID,
    checked_run_date,
    states_of_jobs,
    unfit_upstream_jobs,
    wanted_jobs,
)
from sync_jobs.catalogue import JOBS, Job
from sync_jobs.errors import BadArgument
from sync_jobs.report import COUNTS, label

if TYPE_CHECKING:
    from datetime import date

    from airflow.sdk import Context

SUMMARY = "summary"


class SummaryOperator(BaseOperator):
    """Logs what each job did, the verdict on the night, and which jobs to run again. Fails if there are any.

    Returns the run date.

    It is the only task of recovery that sends messages: each job's own run sends its own.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            task_id=SUMMARY,
            trigger_rule="all_done",  # also after a failure
            execution_timeout=task_defaults.SHORT_TASK_TIMEOUT,
            on_success_callback=announce_recovery,
            on_failure_callback=announce_failure,
            inlets=[asset_of(job) for job in JOBS],  # the past successes, for the verdict
            **task_defaults.RETRIES,
            **kwargs,
        )

    def execute(self, context: Context) -> str:
        # Wrong parameters have failed every job. To repeat the jobs with them would not help.
        run_date = checked_run_date(context, self.dag.params)
        states = states_of_jobs(context, JOBS)
        run_ids: dict[str, str | None] = {}
        reports: dict[str, Any] = {}
        reasons: dict[str, str | None] = {}
        for job in JOBS:
            run_id = run_ids[job.dag_id] = context["ti"].xcom_pull(task_ids=job.dag_id, key=TRIGGERED_RUN_ID)
            if not run_id:
                reasons[job.dag_id] = f"no run was started, see the log of {job.dag_id} in this run"
            else:
                pull = {"dag_id": job.dag_id, "task_ids": RUN_JOB, "run_id": run_id}
                reports[job.dag_id] = context["ti"].xcom_pull(**pull)
                own_reason = context["ti"].xcom_pull(task_ids=job.dag_id, key=REASON)
                reasons[job.dag_id] = own_reason or context["ti"].xcom_pull(**pull, key=REASON)
        self.log.info("Recovery for %s\n%s", run_date, table(states, reports))
        failed = [
            failed_run(job, run_id, run_date, context["dag_run"].run_after, reason=reasons[job.dag_id])
            for job in JOBS
            if (run_id := run_ids[job.dag_id]) and states[job.dag_id] == "failed"
        ]
        verdict = night_known_to(context, run_date, failed).sentence
        self.log.info("The night of %s: %s", run_date, verdict)
        context["ti"].xcom_push(key=VERDICT, value=verdict)
        for report in filter(None, reports.values()):
            if report.get("warning"):
                self.log.warning(report["warning"])
        wanted = _wanted_or_all(context)
        to_run_again = tuple(job for job in jobs_to_run_again(states) if job in wanted)
        if to_run_again:
            self.log.error(what_to_run_again(to_run_again, states, reasons, run_date))
            names = ", ".join(job.name for job in to_run_again)
            fail(context, f"Run again, in this order, with run_date {run_date}: {names}. {verdict}")
        return run_date.isoformat()


def _wanted_or_all(context: Context) -> tuple[Job, ...]:
    """The jobs of this recovery; all jobs if its list is wrong, because then none has run."""
    try:
        return wanted_jobs(context)
    except BadArgument:
        return JOBS


def jobs_to_run_again(states: Mapping[str, str | None]) -> tuple[Job, ...]:
    """The jobs that did not succeed, in the order in which to run them."""
    return tuple(job for job in JOBS if states.get(job.dag_id) != "success")


def table(states: Mapping[str, str | None], reports: Mapping[str, Mapping[str, Any] | None]) -> str:
    """One line per job: state, counts, seconds."""
    width = max(len(job.name) for job in JOBS)
    lines = ["  ".join([f"{'job':{width}}", f"{'state':8}", *(f"{label(name):>9}" for name in (*COUNTS, "seconds"))])]
    for job in JOBS:
        report = reports.get(job.dag_id) or {}
        counts = [f"{report.get(name, ''):>9}" for name in COUNTS]
        seconds = f"{report['seconds']:>9.1f}" if "seconds" in report else " " * 9
        lines.append("  ".join([f"{job.name:{width}}", f"{states.get(job.dag_id) or 'not run':8}", *counts, seconds]))
    return "\n".join(line.rstrip() for line in lines)


def what_to_run_again(
    jobs: tuple[Job, ...], states: Mapping[str, str | None], reasons: Mapping[str, str | None], run_date: date
) -> str:
    """The list of the jobs that did not succeed in a recovery, with the reasons, and how to run them again."""
    lines = [f"Run {len(jobs)} of {len(JOBS)} jobs again, in this order, with run_date {run_date}:"]
    for job in jobs:
        unfit = unfit_upstream_jobs(job, states)
        if states.get(job.dag_id) == "failed":
            why = f"failed: {reasons.get(job.dag_id) or 'see the log of its run'}"
        elif unfit:
            why = "did not run, because its upstream did not succeed: " + ", ".join(other.name for other in unfit)
        else:
            why = "did not run"
        lines.append(f"  {job.name} {why}")
    lines.append(
        "A manual run of a job also runs its follow-on jobs. Or clear the first failed task of this run with all "
        "downstream tasks, and recovery continues from there."
    )
    return "\n".join(lines)
