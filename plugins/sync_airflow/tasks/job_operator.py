"""The task that does a job's work: it calls sync_jobs.runner.run_job and returns the report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import Asset, Variable
from airflow.sdk.exceptions import AirflowSkipException

from sync_airflow import task_defaults
from sync_airflow.connections import open_elasticsearch, open_postgres
from sync_airflow.messages.announcements import announce_start
from sync_airflow.night_rules import Success, SuccessesOf, chosen_date, first_date, own_date, reason_to_skip, successes
from sync_airflow.tasks.sync_operator import SyncOperator, index_settings
from sync_jobs.catalogue import JOBS, Job, find_job, upstream_jobs

if TYPE_CHECKING:
    from airflow.sdk import Context

RUN_JOB = "run_job"
DATE_OF_CHANGE_OVERRIDE = "date_of_change_override"

# How many past successes are read: enough to include the last real one, and bounded over the years.
REMEMBERED_SUCCESSES = 200


def asset_of(job: Job) -> Asset:
    """The asset of what the job writes. Each success adds an event to it (night_rules.Success)."""
    return Asset(name=job.dag_id, uri=f"tis-sync://{job.dag_id}")


def assets_of_night(job: Job) -> list[Asset]:
    """The assets of the job and of all jobs upstream of it: the inlets of a task that reads past successes."""
    jobs = {job}
    for other in reversed(JOBS[: JOBS.index(job)]):
        if any(other in upstream_jobs(known) for known in jobs):
            jobs.add(other)
    return [asset_of(other) for other in JOBS if other in jobs]


def past_successes(context: Context) -> Callable[[Job], tuple[Success, ...]]:
    """A function that returns the latest successes of a job, newest first. It queries Airflow once per job.

    The job's asset must be an inlet of the task (assets_of_night).
    """
    events = context["inlet_events"]
    return cache(lambda job: successes(events[asset_of(job)].ascending(False).limit(REMEMBERED_SUCCESSES)))


def skip_if_covered(context: Context, job: Job, successes_of: SuccessesOf) -> None:
    """Raise AirflowSkipException if this scheduled run has nothing left to do (night_rules.reason_to_skip)."""
    run = context["dag_run"]
    reason = reason_to_skip(
        job,
        run_type=run.run_type,
        tick=run.logical_date,
        run_id=run.run_id,
        times_cleared=run.clear_number or 0,
        now=context["ti"].start_date,
        successes_of=successes_of,
    )
    if reason:
        raise AirflowSkipException(reason)


class JobOperator(SyncOperator):
    """Runs one job. Skips itself in a scheduled run whose work another run has done."""

    def __init__(self, *, job_name: str, **kwargs: Any) -> None:
        job = find_job(job_name)
        super().__init__(what=job_name, inlets=assets_of_night(job), outlets=[asset_of(job)], **kwargs)
        self.job_name = job_name

    def work(self, context: Context) -> dict[str, object]:
        job = find_job(self.job_name)
        successes_of = past_successes(context)
        skip_if_covered(context, job, successes_of)
        return self._run(context, job, successes_of(job))

    def _run(self, context: Context, job: Job, past: tuple[Success, ...]) -> dict[str, object]:
        # Imported here, because it imports both drivers; DAG files must not.
        from sync_jobs.runner import run_job  # noqa: PLC0415

        run, params = context["dag_run"], context["params"]
        own = own_date(run.run_type, run.logical_date, run.run_after)
        run_date = chosen_date(params["run_date"], own)
        date_override = (params.get("date_override") or "").strip()
        first = first_date(job, run_date, own, past, date_override=date_override)
        self.log.info("%s for %s%s", job.name, run_date, _covering(first, run_date))
        announce_start(context, run_date)
        with (
            open_postgres(f"{job.name} {run.run_id}", task_defaults.JOB_TIMEOUT) as postgres,
            open_elasticsearch() as elasticsearch,
        ):
            report = run_job(
                job,
                postgres=postgres,
                elasticsearch=elasticsearch,
                run_date=run_date,
                first_date=first,
                date_override=date_override,
                date_of_change_override=Variable.get(DATE_OF_CHANGE_OVERRIDE, default="") or "",
                limits=job.limits.overridden_by(params),
                dry_run=params["dry_run"],
                run_id=run.run_id,
                settings=index_settings(),
            )
        success = Success(
            run_id=run.run_id,
            run_date=run_date,
            own_date=own,
            started=context["ti"].start_date,
            ended=pendulum.now("UTC"),
            dry_run=params["dry_run"],
            date_override=date_override,
        )
        context["outlet_events"][asset_of(job)].extra = success.as_extra()
        self.log.info("%s: %s", job.name, report.summary())
        return report.as_dict()


def _covering(first: date | None, run_date: date) -> str:
    return f", covering every date since {first}" if first and first < run_date else ""
