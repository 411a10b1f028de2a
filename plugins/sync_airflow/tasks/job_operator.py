"""The task that does a job's work: it calls sync_jobs.runner.run_job and returns the report."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.sdk import Variable

from sync_airflow import task_defaults
from sync_airflow.connections import open_elasticsearch, open_postgres
from sync_airflow.messages.announcements import announce_start
from sync_airflow.night_rules import Success, chosen_date, first_date, own_date
from sync_airflow.tasks.past_successes import asset_of, assets_of_night, past_successes, skip_if_covered
from sync_airflow.tasks.run_parameters import refuse_unconfirmed_date
from sync_airflow.tasks.sync_operator import SyncOperator, index_settings
from sync_jobs.catalogue import Job, find_job
from sync_jobs.parameter_names import DATE_OVERRIDE, DRY_RUN, RUN_DATE

if TYPE_CHECKING:
    from airflow.sdk import Context

DATE_OF_CHANGE_OVERRIDE = "date_of_change_override"


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
        run_date = chosen_date(params[RUN_DATE], own)
        refuse_unconfirmed_date(context, run_date, own)
        date_override = (params.get(DATE_OVERRIDE) or "").strip()
        first = first_date(job, run_date, own, past, date_override=date_override)
        self.log.info("%s for %s%s", job.name, run_date, _covering(first, run_date))
        announce_start(context, run_date)
        index = job.builds_index or job.refreshes_index
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
                dry_run=params[DRY_RUN],
                run_id=run.run_id,
                settings=index_settings(index) if index else None,
            )
        success = Success(
            run_id=run.run_id,
            run_date=run_date,
            own_date=own,
            started=context["ti"].start_date,
            ended=pendulum.now("UTC"),
            dry_run=params[DRY_RUN],
            date_override=date_override,
        )
        context["outlet_events"][asset_of(job)].extra = success.as_extra()
        self.log.info("%s: %s", job.name, report.summary())
        return report.as_dict()


def _covering(first: date | None, run_date: date) -> str:
    return f", covering every date since {first}" if first and first < run_date else ""
