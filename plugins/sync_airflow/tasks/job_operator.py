"""The task that does a job's work: it calls sync_jobs.runner.run_job and returns the report."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import Variable

from sync_airflow import task_defaults
from sync_airflow.connections import open_elasticsearch, open_postgres
from sync_airflow.messages.announcements import announce_start
from sync_airflow.monitoring.measurements import attempt_measured, measure_build, measure_live_index, measure_success
from sync_airflow.monitoring.spans import phase_spans
from sync_airflow.night_rules import (
    Success,
    chosen_date,
    first_date,
    no_night_is_known,
    own_date,
    successful_nights,
)
from sync_airflow.tasks.conditional_task import skip_tasks_without_work
from sync_airflow.tasks.night_memory import remember_nights, remembered_nights
from sync_airflow.tasks.past_successes import asset_of, assets_of_night, past_successes, skip_if_covered
from sync_airflow.tasks.run_parameters import checked_first_date
from sync_airflow.tasks.sync_operator import SyncOperator, index_settings
from sync_jobs.catalogue import Job, find_job
from sync_jobs.errors import BadArgument
from sync_jobs.parameter_names import DATE_OVERRIDE, DRY_RUN, FIRST_DATE, RUN_DATE

if TYPE_CHECKING:
    from airflow.sdk import Context

    from sync_jobs.report import Report

DATE_OF_CHANGE_OVERRIDE = "date_of_change_override"


@dataclass(frozen=True)
class RunDates:
    """own: the run's own date (night_rules.own_date). first: the first date covered; None for run_date only.

    nights: those that the job is known to have done, if it covers missed nights. warning: empty, or that no night is
    known although this run should cover the missed ones.
    """

    own: date
    run_date: date
    date_override: str
    first: date | None
    nights: frozenset[date]
    warning: str

    def __str__(self) -> str:
        since = f", covering every date since {self.first}" if self.first and self.first < self.run_date else ""
        return f"{self.run_date}{since}"


class JobOperator(SyncOperator):
    """Runs one job. Skips itself in a scheduled run whose work another run has done."""

    def __init__(self, *, job_name: str, **kwargs: Any) -> None:
        job = find_job(job_name)
        super().__init__(what=job_name, inlets=assets_of_night(job), outlets=[asset_of(job)], **kwargs)
        self.job_name = job_name

    def execute(self, context: Context) -> dict[str, object]:
        report = super().execute(context)
        skip_tasks_without_work(self, context, report)
        return report

    def work(self, context: Context) -> dict[str, object]:
        job = find_job(self.job_name)
        successes_of = past_successes(context)
        skip_if_covered(context, job, successes_of)
        dates = run_dates(context, job, successes_of(job))
        self.log.info("%s for %s", job.name, dates)
        announce_start(context, dates.run_date)
        if dates.warning:
            self.log.warning(dates.warning)
        with attempt_measured(context, job.name):
            report = self._run(context, job, dates)
            report = replace(report, warning=" ".join(filter(None, (dates.warning, report.warning))))
            store_success(context, job, dates)
        measure_success(report)
        self.log.info("%s: %s", job.name, report.summary())
        return report.as_dict()

    def _run(self, context: Context, job: Job, dates: RunDates) -> Report:
        # Imported here, because it imports both drivers; DAG files must not.
        from sync_jobs.runner import run_job  # noqa: PLC0415

        run, params = context["dag_run"], context["params"]
        index = job.builds_index or job.refreshes_index
        with (
            open_postgres(f"{job.name} {run.run_id}", task_defaults.JOB_TIMEOUT) as postgres,
            open_elasticsearch() as elasticsearch,
        ):
            report = run_job(
                job,
                postgres=postgres,
                elasticsearch=elasticsearch,
                run_date=dates.run_date,
                first_date=dates.first,
                date_override=dates.date_override,
                date_of_change_override=Variable.get(DATE_OF_CHANGE_OVERRIDE, default="") or "",
                limits=job.limits.overridden_by(params),
                dry_run=params[DRY_RUN],
                run_id=run.run_id,
                settings=index_settings(index) if index else None,
                phase_hook=phase_spans(job.name, index.alias) if index else nullcontext,
            )
            if job.builds_index:
                measure_build(job.builds_index, report)
            if index:
                measure_live_index(index, elasticsearch)
        return report


def run_dates(context: Context, job: Job, past: tuple[Success, ...]) -> RunDates:
    """The dates of this run. Raises BadArgument or AirflowFailException for a wrong param."""
    run, params = context["dag_run"], context["params"]
    own = own_date(run.run_type, run.logical_date, run.run_after)
    run_date = chosen_date(params[RUN_DATE], own)
    given = checked_first_date(context, run_date, own)
    date_override = (params.get(DATE_OVERRIDE) or "").strip()
    if given and date_override:
        raise BadArgument(f"Expected {FIRST_DATE} or date_override, got both. Nothing was started.")
    # Both sources: an older installation has no variable yet, only the events of successes.
    nights = successful_nights(past) | set(remembered_nights(job)) if job.covers_missed_nights else set()
    unknown = not given and no_night_is_known(job, run_date, own, nights, date_override=date_override)
    return RunDates(
        own=own,
        run_date=run_date,
        date_override=date_override,
        first=first_date(job, run_date, own, nights, date_override=date_override, given=given),
        nights=frozenset(nights),
        warning=_no_night_is_known(job, run_date) if unknown else "",
    )


def store_success(context: Context, job: Job, dates: RunDates) -> None:
    """Store what this run has done: an event of the job's asset and, of a real run, its night."""
    success = Success(
        run_id=context["dag_run"].run_id,
        run_date=dates.run_date,
        own_date=dates.own,
        started=context["ti"].start_date,
        ended=pendulum.now("UTC"),
        dry_run=context["params"][DRY_RUN],
        date_override=dates.date_override,
    )
    context["outlet_events"][asset_of(job)].extra = success.as_extra()
    if job.covers_missed_nights and success.of_its_night:
        remember_nights(job, dates.nights | {dates.run_date})


def _no_night_is_known(job: Job, run_date: date) -> str:
    return (
        f"No earlier night of {job.name} is known, so this run covers only {run_date}. If nights were missed before, "
        f"run the job again with {FIRST_DATE}, the first date that was missed."
    )
