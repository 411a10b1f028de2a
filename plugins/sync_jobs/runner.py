"""Runs one job or one rollback: checks the arguments, takes the lock, measures the time and returns the report."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import date
from pkgutil import resolve_name

from elasticsearch import Elasticsearch

from sync_jobs.catalogue import Job
from sync_jobs.error_translation import errors_translated, errors_translated_with_state
from sync_jobs.errors import BadArgument
from sync_jobs.guard_rail import DEFAULT_LIMITS, Limits
from sync_jobs.job_run import JobRun, PhaseHook
from sync_jobs.parameter_names import DATE_OVERRIDE
from sync_jobs.postgres.connection import take_over
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.postgres.statements import Connection
from sync_jobs.report import Outcome, Report
from sync_jobs.run_dates import CoveredDates, covered_dates
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
    limits: Limits | None = None,
    dry_run: bool = False,
    run_id: str = "manual",
    settings: IndexSettings | None = None,
    phase_hook: PhaseHook = nullcontext,
) -> Report:
    """Run one job of the catalogue and return its report.

    postgres: a connection of this run alone, outside any transaction; it is put into autocommit mode.
    run_date: D of docs/domain.md. first_date: the first night covered (jobs 7 and 8); None for run_date only.
    date_override, date_of_change_override: docs/domain.md, "8 PersonRecordStatusJob". limits: of the guard rail; None
    for the job's own. run_id: stored in the index's _meta. settings: of the index build; None for the defaults.
    phase_hook: an index build runs each of its phases inside the context manager that it returns for their name.

    Raises BadArgument before anything starts; AlreadyRunning; GuardRail; TransientError for errors that a retry may
    solve; another SyncJobError for all others.
    """
    dates = _checked_dates(job, run_date, first_date, date_override, date_of_change_override)
    run = JobRun(
        postgres=postgres,
        elasticsearch=elasticsearch,
        run_date=run_date,
        first_date=dates.first,
        last_date=dates.last,
        any_date=dates.any_date,
        limits=limits or job.limits,
        dry_run=dry_run,
        run_id=run_id,
        settings=settings or IndexSettings(),
        index_definition=job.builds_index or job.refreshes_index,
        phase_hook=phase_hook,
    )
    work: Callable[[JobRun], Outcome] = resolve_name(job.entry_point)
    started = time.monotonic()
    with _own_session(postgres), advisory_lock(postgres, job.name):
        outcome = work(run)
    return _report(
        job.name, outcome, started, run_date=run_date, first_date=dates.first, last_date=dates.last, dry_run=dry_run
    )


def run_rollback(
    definition: IndexDefinition,
    *,
    postgres: Connection,
    elasticsearch: Elasticsearch,
    direction: str = "back",
    documents: str = "as_built",
    limits: Limits | None = None,
    dry_run: bool = False,
    settings: IndexSettings | None = None,
) -> Report:
    """Put the index built before the live one ("back"), or after it ("forward"), behind the alias of the definition.

    documents: "as_built" or "edited", for an index that another definition built (sync_jobs.parameters). limits: None
    for the defaults. Other arguments as in run_job. The run_date of the report is the one that the index was built for.
    Raises BadArgument for another direction or choice, IndexNotAsExpected if there is no such index, and what run_job
    raises.
    """
    started = time.monotonic()
    with _own_session(postgres):
        done = roll_back_index(
            definition,
            postgres,
            elasticsearch,
            direction,
            documents=documents,
            limits=limits or DEFAULT_LIMITS,
            dry_run=dry_run,
            settings=settings or IndexSettings(),
        )
    date_of_index = done.run_date
    return _report(
        definition.rollback_name,
        done.outcome,
        started,
        run_date=date_of_index,
        first_date=date_of_index,
        last_date=date_of_index,
        dry_run=dry_run,
    )


def _checked_dates(
    job: Job, run_date: date, first_date: date | None, date_override: str, date_of_change_override: str
) -> CoveredDates:
    """The dates that the run covers. Raises BadArgument."""
    _check_text(DATE_OVERRIDE, date_override)
    _check_text("date_of_change_override", date_of_change_override)
    if date_override.strip() and not job.takes_date_override:
        raise BadArgument(f"{job.name} does not take a {DATE_OVERRIDE}")
    return covered_dates(
        run_date,
        first_date=first_date,
        date_override=date_override,
        date_of_change_override=date_of_change_override,
    )


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise BadArgument(f"{name}: expected a text, which may be empty, got {value!r}")


@contextmanager
def _own_session(postgres: Connection) -> Iterator[None]:
    """Prepare the connection for a run, and translate the errors of its body into those of this package."""
    with errors_translated():
        with errors_translated_with_state("Nothing was written."):
            take_over(postgres)
        yield


def _report(
    job: str, outcome: Outcome, started: float, *, run_date: date, first_date: date, last_date: date, dry_run: bool
) -> Report:
    """started: when the work began, by time.monotonic."""
    return Report(
        job=job,
        run_date=run_date,
        first_date=first_date,
        last_date=last_date,
        dry_run=dry_run,
        seconds=round(time.monotonic() - started, 3),
        **asdict(outcome),
    )
