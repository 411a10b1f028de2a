"""The input of a verdict. Readers of Airflow's database and of Elasticsearch fill these classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from sync_airflow.night_rules import Success

StartedBy = Literal["schedule", "manual", "follow-on", "recovery", "restart", "backfill"]
RunState = Literal["queued", "running", "success", "failed"]

# The DAGs that are not jobs, in RunFact.job.
RECOVERY = "recovery"
ROLLBACK = "rollback"
ALARM = "alarm"


@dataclass(frozen=True, kw_only=True)
class RunFact:
    """One run of a job, of recovery, of the rollback or of the alarm. All times are UTC.

    job: the job's name, or RECOVERY, ROLLBACK, ALARM. dag_id, run_id: of the run in Airflow.
    run_date: the date that it is for, None if the given one is not a date; own_date: the date that it is for by
    default. first_date: the first date that it covered, as its report says; None if it says nothing.
    run_after: its tasks do not start before; the later of Airflow's run_after and logical date.
    started, ended: of the run. worked_from, worked_until: of the task that works.
    attempts: of that task, the start and the end of those that failed and were repeated, oldest first.
    worked: False if that task skipped itself, because another run has done the work or a later night replaces it.
    tries: how often that task was tried. times_cleared: how often somebody has cleared the run.
    is_retrying: the last attempt failed, and Airflow will retry it.
    waits_for: names of the jobs whose end an active run still waits for. then_run: names of the jobs that run after it.
    only_jobs: of recovery, the names of the jobs that it runs; empty for all.
    failed_task: the task that failed first. stopped_by: the job whose failure stopped this run before it worked.
    reason: of a failure.
    report: sync_jobs.report.Report.as_dict of a success. conf: its parameters, as given. user: who started it, empty
    for Airflow. note: the note on the run in Airflow.
    """

    job: str
    dag_id: str
    run_id: str
    state: RunState
    started_by: StartedBy
    own_date: date
    run_after: datetime
    run_date: date | None
    first_date: date | None = None
    dry_run: bool = False
    date_override: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    worked_from: datetime | None = None
    worked_until: datetime | None = None
    attempts: tuple[tuple[datetime, datetime], ...] = ()
    worked: bool = True
    tries: int = 0
    times_cleared: int = 0
    is_retrying: bool = False
    waits_for: tuple[str, ...] = ()
    then_run: tuple[str, ...] = ()
    only_jobs: tuple[str, ...] = ()
    failed_task: str | None = None
    stopped_by: str | None = None
    reason: str | None = None
    report: Mapping[str, Any] | None = None
    conf: Mapping[str, Any] = field(default_factory=dict)
    user: str = ""
    note: str = ""

    @property
    def is_active(self) -> bool:
        """Running or queued, also for a later time."""
        return self.state in ("queued", "running")

    @property
    def work_started(self) -> datetime | None:
        """When its work began; for a run without such a task, when the run began."""
        return self.worked_from or self.started

    @property
    def work_ended(self) -> datetime | None:
        """When its work ended; for a run without such a task, when the run ended."""
        return self.worked_until or self.ended

    @property
    def work_time(self) -> timedelta | None:
        """How long it worked, without its waits; None while it works."""
        start, end = self.work_started, self.work_ended
        return end - start if start and end else None

    def success(self) -> Success | None:
        """This run as a success (night_rules); None if it did not succeed or has done no work."""
        start, end = self.work_started, self.work_ended
        if self.state != "success" or not self.worked or self.run_date is None or start is None or end is None:
            return None
        return Success(self.run_id, self.run_date, self.own_date, start, end, self.dry_run, self.date_override)


@dataclass(frozen=True, kw_only=True)
class EventFact:
    """What a person did in Airflow, from its audit log. event: Airflow's name of it. what: in words, for people.

    is_stop: it ended a run. is_deletion: of a run. marks_success: it set a run, or a task of it, to successful.
    reason: why, if the person said so.
    """

    moment: datetime
    user: str
    event: str
    what: str
    dag_id: str
    run_id: str | None = None
    is_stop: bool = False
    is_deletion: bool = False
    marks_success: bool = False
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class DagFact:
    """A DAG in Airflow. is_known: Airflow has read its file. next_run: when Airflow plans the next run, UTC.

    blocked_by: a run that somebody planned for a later time. Until it has ended, Airflow creates no scheduled run.
    """

    is_known: bool = True
    is_paused: bool = False
    next_run: datetime | None = None
    blocked_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Component:
    """A part of Airflow. name: "scheduler", "DAG processor" or "triggerer". seen: its last heartbeat, UTC."""

    name: str
    is_healthy: bool
    seen: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class IndexFact:
    """A finished index. built_at: start of its build, UTC; None if no build made it. documents: without nested ones.

    live_since: when it was last put behind the alias, UTC; None if that is not recorded.

    definition_version, code_version: of the index definition and of the code that the build used, None if it does not
    say. is_verified: before it went live, its build counted its documents and compared a sample with PostgreSQL.
    """

    name: str
    built_at: datetime | None
    run_date: date | None
    documents: int | None
    live_since: datetime | None = None
    definition_version: str | None = None
    code_version: str | None = None
    is_verified: bool = False


@dataclass(frozen=True, kw_only=True)
class BuildFact:
    """An unfinished index: documents loaded, expected (0 until they are counted), and per second.

    is_running: whether the lock of its build is held; False if the build died, None if PostgreSQL does not say.
    """

    name: str
    started: datetime
    documents: int
    expected: int
    documents_per_second: int
    is_running: bool | None

    @property
    def percent(self) -> int | None:
        """The share of the documents that are loaded; None until they are counted."""
        return min(100, self.documents * 100 // self.expected) if self.expected else None

    @property
    def phase(self) -> str:
        """What the build does now, from the number of its documents."""
        if not self.documents:
            return "preparing the documents"
        if self.expected and self.documents >= self.expected:
            return "verifying it, and catching up with edits"
        return "loading documents"

    @property
    def seconds_left(self) -> int | None:
        """At the speed so far; None if it is not known."""
        if not self.expected or not self.documents_per_second:
            return None
        return max(0, self.expected - self.documents) // self.documents_per_second


@dataclass(frozen=True, kw_only=True)
class SearchFact:
    """One search index. job: name of the job that builds it. rollback, alarm: ids of its DAGs.

    error: why nothing is known; everything else is empty then. live: behind the alias; None if nothing is.
    previous: the other finished indices, newest first; some may be newer than the live one (after a rollback).
    """

    alias: str
    job: str
    rollback: str
    alarm: str
    error: str | None = None
    live: IndexFact | None = None
    previous: tuple[IndexFact, ...] = ()
    build: BuildFact | None = None

    @property
    def is_rolled_back(self) -> bool:
        """Whether an index that was built later than the live one is kept."""
        if self.live is None or self.live.built_at is None:
            return False
        return any(index.built_at and index.built_at > self.live.built_at for index in self.previous)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that is known at one moment. now: UTC.

    runs: of at least the last 15 days, in any order. events: newest first. dags: of the jobs by the job's name, all
    others by DAG id. search: one for each index definition, in their order; empty if nobody has asked Elasticsearch.
    error: why Airflow's database did not answer; only search is known then.
    """

    now: datetime
    runs: tuple[RunFact, ...] = ()
    events: tuple[EventFact, ...] = ()
    dags: Mapping[str, DagFact] = field(default_factory=dict)
    components: tuple[Component, ...] = ()
    search: tuple[SearchFact, ...] = ()
    error: str | None = None

    @cached_property
    def _by_job(self) -> dict[str, tuple[RunFact, ...]]:
        found: dict[str, list[RunFact]] = {}
        for run in self.runs:
            found.setdefault(run.job, []).append(run)
        return {job: tuple(runs) for job, runs in found.items()}

    @cached_property
    def active(self) -> tuple[RunFact, ...]:
        """The runs that are running, or queued and due."""
        return tuple(run for run in self.runs if run.is_active and run.run_after <= self.now)

    def runs_of(self, job: str) -> tuple[RunFact, ...]:
        """The runs of a job, or of RECOVERY, ROLLBACK or ALARM."""
        return self._by_job.get(job, ())

    def dag(self, name: str) -> DagFact:
        """The DAG of the job with this name, or with this DAG id."""
        return self.dags.get(name, DagFact())
