"""Histories of nights, for tests: runs of the eight jobs as Airflow would have recorded them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sync_airflow.night import facts
from sync_airflow.night.facts import Component, Facts, IndexFact, RunFact, SearchFact
from sync_jobs.catalogue import JOBS, Job, find_job, jobs_waiting_for
from sync_jobs.code_version import code_version
from sync_jobs.index_definitions.persons import PERSONS

NIGHT = date(2026, 11, 27)
MORNING = datetime(2026, 11, 27, 7, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

COMPONENTS = tuple(Component(name=name, is_healthy=True) for name in ("scheduler", "DAG processor", "triggerer"))


def at(text: str, night: date = NIGHT) -> datetime:
    """00:09 of the night of that date."""
    return datetime.combine(night, datetime.strptime(text, "%H:%M").time(), UTC)


def scheduled(job: Job | str, night: date = NIGHT, state: Any = "success", **more: Any) -> RunFact:
    """The scheduled run of a job; it worked for a minute."""
    job = job if isinstance(job, Job) else find_job(job)
    tick = datetime.combine(night, job.at, UTC)
    ended = tick + MINUTE if state in ("success", "failed") else None
    values: dict[str, Any] = {
        "job": job.name,
        "dag_id": job.dag_id,
        "run_id": f"scheduled__{tick.isoformat()}",
        "state": state,
        "started_by": "schedule",
        "own_date": night,
        "run_date": night,
        "run_after": tick,
        "started": None if state == "queued" else tick,
        "ended": ended,
        "worked_from": None if state == "queued" else tick,
        "worked_until": ended,
    }
    return RunFact(**values | more)


def manual(job: Job | str, started: datetime, state: Any = "success", **more: Any) -> RunFact:
    """A manual run by admin, for the day of its start; it worked for a minute."""
    job = job if isinstance(job, Job) else find_job(job)
    run = scheduled(job, started.date(), state)
    ended = started + MINUTE if run.ended else None
    values: dict[str, Any] = {
        "run_id": f"manual__{started.isoformat()}",
        "started_by": "manual",
        "run_after": started,
        "started": started,
        "ended": ended,
        "worked_from": None if state == "queued" else started,
        "worked_until": ended,
        "user": "admin",
    }
    return replace(run, **values | more)


def recovery(started: datetime, state: Any = "running", **more: Any) -> RunFact:
    """A run of recovery itself."""
    run = manual(JOBS[0], started, state, user="admin")
    return replace(run, job=facts.RECOVERY, dag_id="recovery", worked_from=None, worked_until=None, **more)


def fine_night(night: date = NIGHT, but: Iterable[RunFact] = (), without: Iterable[str] = ()) -> list[RunFact]:
    """The scheduled runs of a night in which every job succeeded, except those in "but" and "without"."""
    others = list(but)
    replaced = {run.job for run in others if run.started_by == "schedule"} | set(without)
    return [*(scheduled(job, night) for job in JOBS if job.name not in replaced), *others]


def failed_with_dependants(name: str, night: date = NIGHT, reason: str = "a reason") -> list[RunFact]:
    """The failed run of that job, and the runs of the jobs that wait for it, whose sensors failed."""
    job = find_job(name)
    stopped = [
        scheduled(other, night, "failed", stopped_by=name, failed_task=f"wait_for_{job.dag_id}", worked_from=None)
        for other in jobs_waiting_for(job)
    ]
    return [scheduled(job, night, "failed", reason=reason, failed_task="run_job"), *stopped]


def index(night: date = NIGHT, documents: int = 200_360) -> IndexFact:
    """The index that the build of that night has made."""
    built = at("01:29", night)
    return IndexFact(
        name=f"persons-{built:%Y%m%dt%H%M%S}-000000",
        built_at=built,
        run_date=night,
        documents=documents,
        live_since=at("01:31", night),
        definition_version=PERSONS.version,
        code_version=code_version(),
        is_verified=True,
    )


def search(live: IndexFact | None = None, *kept: IndexFact, **more: Any) -> tuple[SearchFact]:
    """The state of search, which has one index: by default as after a fine night."""
    values: dict[str, Any] = {
        "alias": "persons",
        "job": "PersonElasticSearchSyncJob",
        "rollback": "persons_index_rollback",
        "alarm": "persons_index_alarm",
        "live": live or index(),
        "previous": kept,
    }
    return (SearchFact(**values | more),)


def known(runs: Iterable[RunFact], now: datetime = MORNING, **more: Any) -> Facts:
    """Facts with healthy components and an index of the night."""
    values: dict[str, Any] = {"components": COMPONENTS, "search": search()}
    return Facts(now=now, runs=tuple(runs), **values | more)
