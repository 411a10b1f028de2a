"""Runs one job: checks the arguments, takes the lock, tells errors that pass from those that do not, reports."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pkgutil import resolve_name

import psycopg
from elasticsearch import Elasticsearch

from sync_jobs.catalogue import Job
from sync_jobs.database import Connection, advisory_lock
from sync_jobs.errors import BadArgument, SyncJobError, TransientError
from sync_jobs.report import Outcome, Report
from sync_jobs.run import JobRun
from sync_jobs.run_dates import covered_dates
from sync_jobs.search_errors import elasticsearch_errors_translated

# SQLSTATE classes and codes of what may pass: lost or refused connections, conflicts between transactions, full or
# overloaded resources, locks and statements that took too long, a server that shuts down.
_TRANSIENT_STATES = ("08", "40", "53", "55P03", "57")


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
) -> Report:
    """Run one job of the catalogue and report what it did.

    postgres: a connection for this run alone, outside of any transaction; it is put into autocommit mode.
    run_date: D of domain.md. first_date: the first of the nights covered (jobs 7 and 8), None for run_date alone.
    date_override, date_of_change_override: domain.md, job 8. maximum_removed_percent: 0 to 100, the guard rail's
    limit for this run; None for the job's own. run_id: kept in the index's _meta.

    Raises BadArgument before anything starts; AlreadyRunning; GuardRail; TransientError for what is worth a
    retry; another SyncJobError for what is not.
    """
    limit = job.maximum_removed_percent if maximum_removed_percent is None else maximum_removed_percent
    if not 0 <= limit <= 100:
        raise BadArgument(f"maximum_removed_percent: expected a number from 0 to 100, got {limit}")
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
    )
    work: Callable[[JobRun], Outcome] = resolve_name(job.entry_point)
    started = time.monotonic()
    with _database_errors_translated(), elasticsearch_errors_translated():
        postgres.autocommit = True
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


@contextmanager
def _database_errors_translated() -> Iterator[None]:
    """Turn PostgreSQL's errors into ours. Their details, which may quote rows, are left behind."""
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate
        what = f"{type(error).__name__} {state or ''}".strip()
        if state is None or state.startswith(_TRANSIENT_STATES):
            raise TransientError(f"PostgreSQL: {what}, {error.diag.message_primary or 'connection lost'}") from None
        raise SyncJobError(f"PostgreSQL refused a statement: {what}, {error.diag.message_primary}") from None
