"""Runs one job: checks the arguments, takes the lock, reports."""

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pkgutil import resolve_name

from elasticsearch import Elasticsearch

from sync_jobs.catalogue import Job
from sync_jobs.error_translation import errors_translated
from sync_jobs.errors import BadArgument
from sync_jobs.guard_rail import DEFAULT_MAXIMUM_REMOVED_PERCENT
from sync_jobs.job_run import JobRun
from sync_jobs.postgres.connection import take_over
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.postgres.statements import Connection
from sync_jobs.report import Outcome, Report
from sync_jobs.run_dates import covered_dates
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.rollback import roll_back_index
from sync_jobs.search.settings import IndexSettings


def run_job(
    job: Job,
    *,
    postgres: Connection,
    elasticsearch: Elasticsearch,
    run_date: date,
    first_date: date | None = None,
    date_override: str = "",
    date_of_change_override: str = "",
    maximum_removed_percent: float | None = None,
    dry_run: bool = False,
    run_id: str = "manual",
    settings: IndexSettings | None = None,
) -> Report:
    """Run one job of the catalogue and report what it did.

    postgres: a connection for this run alone, outside of any transaction; it is put into autocommit mode.
    run_date: D of domain.md. first_date: the first of the nights covered (jobs 7 and 8), None for run_date alone.
    date_override, date_of_change_override: domain.md, job 8. maximum_removed_percent: 0 to 100, the guard rail's
    limit for this run; None for the job's own. run_id: kept in the index's _meta. settings: of the index build;
    None for the defaults.

    Raises BadArgument before anything starts; AlreadyRunning; GuardRail; TransientError for what is worth a
    retry; another SyncJobError for what is not.
    """
    limit = _checked_limit(job.maximum_removed_percent if maximum_removed_percent is None else maximum_removed_percent)
    _check_text("date_override", date_override)
    _check_text("date_of_change_override", date_of_change_override)
    if date_override.strip() and not job.takes_date_override:
        raise BadArgument(f"{job.name} takes no date_override")
    dates = covered_dates(
        run_date,
        first_date=first_date,
        date_override=date_override,
        date_of_change_override=date_of_change_override,
    )
    run = JobRun(
        postgres=postgres,
        elasticsearch=elasticsearch,
        run_date=run_date,
        first_date=dates.first,
        last_date=dates.last,
        any_date=dates.any_date,
        maximum_removed_percent=limit,
        dry_run=dry_run,
        run_id=run_id,
        settings=settings or IndexSettings(),
        index_definition=job.builds_index or job.refreshes_index,
    )
    work: Callable[[JobRun], Outcome] = resolve_name(job.entry_point)
    started = time.monotonic()
    with errors_translated():
        take_over(postgres)
        with advisory_lock(postgres, job.name):
            outcome = work(run)
    return Report(
        job=job.name,
        run_date=run_date,
        first_date=dates.first,
        last_date=dates.last,
        dry_run=dry_run,
        seconds=round(time.monotonic() - started, 3),
        **asdict(outcome),
    )


def run_rollback(
    definition: IndexDefinition,
    *,
    postgres: Connection,
    elasticsearch: Elasticsearch,
    direction: str = "back",
    maximum_removed_percent: float | None = None,
    dry_run: bool = False,
    settings: IndexSettings | None = None,
) -> Report:
    """Put the index built before the live one ("back"), or after it ("forth"), behind the alias of the definition.

    Arguments as in run_job. The report's run_date is the one that the index was built for. Raises BadArgument for
    another direction, IndexNotAsExpected if there is no such index, and what run_job raises.
    """
    limit = _checked_limit(
        DEFAULT_MAXIMUM_REMOVED_PERCENT if maximum_removed_percent is None else maximum_removed_percent
    )
    started = time.monotonic()
    with errors_translated():
        take_over(postgres)
        done = roll_back_index(
            definition,
            postgres,
            elasticsearch,
            direction,
            maximum_removed_percent=limit,
            dry_run=dry_run,
            settings=settings or IndexSettings(),
        )
    return Report(
        job=definition.rollback_name,
        run_date=done.run_date,
        first_date=done.run_date,
        last_date=done.run_date,
        dry_run=dry_run,
        seconds=round(time.monotonic() - started, 3),
        **asdict(done.outcome),
    )


def _checked_limit(percent: object) -> float:
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 100:
        raise BadArgument(f"maximum_removed_percent: expected a number from 0 to 100, got {percent!r}")
    return percent


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise BadArgument(f"{name}: expected a text, empty for none, got {value!r}")
