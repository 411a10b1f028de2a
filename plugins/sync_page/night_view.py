"""The answer of api/night: a night and everything around it, as JSON, for the rights of one user.

The classes here are the schema of the answer. Times are UTC, durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from sync_airflow.monitoring.settings_check import what_is_lost
from sync_airflow.night.advice import Advice, advice_for, guard_rail_stop
from sync_airflow.night.facts import ALARM, RECOVERY, ROLLBACK, Component, IndexFact, RunFact, SearchFact
from sync_airflow.night.states import JobNight
from sync_airflow.night.verdict import Level, Night, Verdict, why_not_of_night
from sync_airflow.night_reader import INDEX_OF_DAG
from sync_jobs.catalogue import JOBS, Job, build_job, find_job, jobs_to_run_after
from sync_jobs.code_version import code_version
from sync_jobs.index_definitions import find_definition
from sync_jobs.parameter_names import CONFIRM_RUN_DATE, DATE_OVERRIDE, DRY_RUN, RUN_DATE
from sync_jobs.parameters import Parameter, job_parameters, recovery_parameters, rollback_parameters
from sync_page.index_checks import Checked, shared_checks
from sync_page.rights import Rights
from sync_page.snapshot import Snapshot
from sync_page.words import named, path_in_airflow

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

V = TypeVar("V", bound="DataclassInstance")

# How many manual changes "who did what" lists.
DEEDS = 20

# The share of the guard rail from which a run's removals are worth showing.
HEADROOM_SHARE = 0.25

# How old search may be: the builds are a day apart, and one takes minutes.
SEARCH_AGE_LIMIT = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One run (sync_airflow.night.facts.RunFact). path: of the run in Airflow's UI, relative to Airflow's address.

    attempts: start and end of those that failed and were repeated.
    """

    job: str
    run_id: str
    path: str
    state: str
    started_by: str
    user: str
    note: str
    run_date: date | None
    first_date: date | None
    dry_run: bool
    date_override: str
    conf: Mapping[str, Any]
    run_after: datetime
    started: datetime | None
    ended: datetime | None
    worked_from: datetime | None
    worked_until: datetime | None
    tries: int
    attempts: tuple[tuple[datetime, datetime], ...]
    is_retrying: bool
    waits_for: tuple[str, ...]
    failed_task: str | None
    stopped_by: str | None
    reason: str | None
    report: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class GuardRailView:
    """A guard-rail stop: its first number. limits: the lowest values, in per cent, that allow all of its numbers.

    what: the table, index or field; may be empty.
    preposition: between removed and existing, "of" or "to" ("add 5 to 9").
    """

    what: str
    loss: str
    removed: int
    preposition: str
    existing: int
    allowed: int
    limit: float
    percent: float
    limits: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class HeadroomView:
    """How close a success came to its guard rail: removed of existing, in per cent of the limit (100: at it)."""

    removed: int
    existing: int
    limit: float
    used_percent: int


@dataclass(frozen=True, kw_only=True)
class CellView:
    """A job in one of the last 14 nights. path: of its run in Airflow's UI; None without a run."""

    run_date: date
    state: str
    is_repaired: bool
    path: str | None


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job in the night (sync_airflow.night.states.JobNight). at: HH:MM. then_run: what follows a manual run of it.

    may_run, may_stop: whether the user may start it, and stop its active run.
    """

    name: str
    dag_id: str
    at: str
    tick: datetime
    writes: str
    summary: str
    state: str
    waits_for: str
    why: str
    because_of: tuple[str, ...]
    is_repaired: bool
    is_paused: bool
    is_known: bool
    blocked_by: str | None
    next_run: datetime | None
    usual_seconds: float | None
    done_at: datetime | None
    run: RunView | None
    runs: list[RunView]
    dry_runs: list[RunView]
    active: RunView | None
    advice: Advice | None
    guard_rail: GuardRailView | None
    headroom: HeadroomView | None
    last_nights: list[CellView]
    then_run: list[str]
    may_run: bool
    may_stop: bool


@dataclass(frozen=True, kw_only=True)
class RootView:
    """A root cause, and the jobs that did not run because of it."""

    job: str
    followers: list[str]


@dataclass(frozen=True, kw_only=True)
class IndexView:
    """A finished index. difference: of its documents to those of the live one. direction: of the rollback that puts it
    behind the alias; None if it is not a neighbour of the live one.

    live_since, definition_version, code_version, is_verified: sync_airflow.night.facts.IndexFact.
    """

    name: str
    built_at: datetime | None
    run_date: date | None
    documents: int | None
    live_since: datetime | None
    definition_version: str | None
    code_version: str | None
    is_verified: bool
    difference: int | None
    direction: str | None


@dataclass(frozen=True, kw_only=True)
class BuildView:
    """A build that is running, or the remains of one that died (is_running false). phase: what it does, in words."""

    name: str
    phase: str
    started: datetime
    documents: int
    expected: int
    documents_per_second: int
    percent: int | None
    seconds_left: int | None
    is_running: bool | None


@dataclass(frozen=True, kw_only=True)
class SearchView:
    """A search index. error: why nothing is known; None if it is. age_limit_seconds: how old it may be.

    entity: what one of its keys stands for, such as person. job: name of the job that builds it. rollback: id of the
    DAG that rolls it back. problem: why it is not of the latest night, as a clause; empty if it is.

    growth: of the documents since the build before; None if no index of it is kept. code_version, definition_version:
    of what runs now. checks: the last ones that somebody has asked for; None without any.
    """

    alias: str
    entity: str
    job: str
    rollback: str
    error: str | None
    live: IndexView | None
    growth: int | None
    kept: list[IndexView]
    code_version: str
    definition_version: str
    checks: Checked | None
    build: BuildView | None
    age_seconds: float | None
    age_limit_seconds: float
    problem: str
    is_rolled_back: bool
    may_roll_back: bool


@dataclass(frozen=True, kw_only=True)
class DeedView:
    """What a person did: a run that somebody started (run), or another change in Airflow. reason: of a stop."""

    moment: datetime
    user: str
    what: str
    run: RunView | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class NextRunView:
    """The next run that Airflow plans."""

    job: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class NightView:
    """A night, and everything that the page shows with it. Jobs, runs and search are those that the user may view.

    verdict, level, sentence, details, warnings: sync_airflow.night.verdict.Night. The latest night also has a warning
    for each setting of Airflow that loses metrics or messages. missing: names of the jobs to run.
    earlier, later: the nights before and after it; None if the page does not show that night. running: the runs that
    are active now. recovery: its active run, which runs all jobs; None if no such run is active.
    """

    checked_at: datetime
    user: str
    run_date: date
    latest: date
    earlier: date | None
    later: date | None
    verdict: Verdict
    level: Level
    sentence: str
    details: tuple[str, ...]
    warnings: tuple[str, ...]
    is_latest: bool
    is_over: bool
    done_at: datetime | None
    jobs: list[JobView]
    roots: list[RootView]
    missing: list[str]
    running: list[RunView]
    recovery: RunView | None
    next_run: NextRunView | None
    components: tuple[Component, ...]
    search: list[SearchView]
    deeds: list[DeedView]
    may_run_all: bool
    may_stop_all: bool
    recovery_is_paused: bool


def night_view(snapshot: Snapshot, night: Night, rights: Rights) -> NightView:
    """The night of a snapshot, as far as the user may view it."""
    facts = snapshot.facts
    visible = [job for job in night.jobs if job.job.dag_id in rights.viewable]
    names = {job.job.name for job in visible}
    nights = snapshot.last_nights() if not facts.error else []
    active = [run for run in facts.runs if run.is_active and run.run_after <= facts.now and _may_view(run, rights)]
    return NightView(
        checked_at=facts.now,
        user=rights.user,
        run_date=night.run_date,
        latest=snapshot.latest,
        earlier=night.run_date - timedelta(days=1) if night.run_date > snapshot.oldest else None,
        later=night.run_date + timedelta(days=1) if night.run_date < snapshot.latest else None,
        verdict=night.verdict,
        level=night.level,
        sentence=night.sentence,
        details=night.details,
        warnings=(*night.warnings, *(what_is_lost() if night.is_latest else ())),
        is_latest=night.is_latest,
        is_over=night.is_over,
        done_at=night.done_at,
        jobs=[_job_view(snapshot, job, nights, rights) for job in visible],
        roots=[
            RootView(job=root.job.job.name, followers=[job.job.name for job in root.followers])
            for root in night.roots
            if root.job.job.name in names
        ],
        missing=[job.name for job in night.missing],
        running=[run_view(run) for run in active],
        recovery=next((run_view(run) for run in active if run.job == RECOVERY), None),
        next_run=_next_run(snapshot, names),
        components=facts.components,
        search=[_search_view(snapshot, each, rights) for each in facts.search if _may_view_index(each, rights)],
        deeds=deeds(snapshot, rights),
        may_run_all=RECOVERY in rights.runnable,
        may_stop_all=RECOVERY in rights.stoppable,
        recovery_is_paused=facts.dag(RECOVERY).is_paused,
    )


def run_view(run: RunFact) -> RunView:
    """One run."""
    return _view(RunView, run, path=path_in_airflow(run.dag_id, run.run_id))


def _view(view: type[V], source: object, **more: Any) -> V:
    """A view with the fields of the source that have the same names, and more."""
    return view(**{each.name: getattr(source, each.name) for each in fields(view) if each.name not in more}, **more)


def deeds(snapshot: Snapshot, rights: Rights) -> list[DeedView]:
    """Who did what: the last manual runs and other changes, newest first."""
    started = [
        DeedView(moment=run.started or run.run_after, user=run.user, what=_what(run), run=run_view(run))
        for run in snapshot.facts.runs
        if run.started_by in ("manual", "restart") and _may_view(run, rights)
    ]
    changed = [
        DeedView(moment=event.moment, user=event.user, what=event.what, run=None, reason=event.reason)
        for event in snapshot.facts.events
        if event.dag_id in rights.viewable
    ]
    return sorted([*started, *changed], key=lambda deed: deed.moment, reverse=True)[:DEEDS]


def _what(run: RunFact) -> str:
    alias = INDEX_OF_DAG.get(run.dag_id, "")
    names = {
        RECOVERY: "all jobs",
        ROLLBACK: named("rollback of search", alias),
        ALARM: named("check of search", alias),
    }
    what = names.get(run.job, run.job)
    if run.job == RECOVERY and run.only_jobs:
        what = f"{len(run.only_jobs)} jobs"
    parts = [f"dry run of {what}" if run.dry_run else what]
    parts += [f"for {run.run_date}"] if run.run_date != run.own_date and run.run_date else []
    given = [f"the date override {run.date_override}"] if run.date_override else []
    given += [f"{name} {_value(value)}" for name, value in _given(run).items()]
    parts += [f"with {', '.join(given)}"] if given else []
    return " ".join(parts)


def _given(run: RunFact) -> dict[str, Any]:
    """The parameters that the run was given and that are not the default, except those that _what names itself."""
    named = (RUN_DATE, DATE_OVERRIDE, DRY_RUN, CONFIRM_RUN_DATE)
    found = {}
    for parameter in _parameters(run):
        value = run.conf.get(parameter.name)
        if parameter.name not in named and value is not None and value not in ("", parameter.default):
            found[parameter.name] = value
    return found


def _parameters(run: RunFact) -> tuple[Parameter, ...]:
    by_name: dict[str, Job] = {job.name: job for job in JOBS}
    if run.job in by_name:
        return job_parameters(by_name[run.job])
    if run.job == ROLLBACK:
        return rollback_parameters(build_job(find_definition(INDEX_OF_DAG[run.dag_id])).limits)
    return recovery_parameters() if run.job == RECOVERY else ()


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _may_view(run: RunFact, rights: Rights) -> bool:
    return run.dag_id in rights.viewable


def _job_view(snapshot: Snapshot, job: JobNight, nights: list[Night], rights: Rights) -> JobView:
    dag, reason = snapshot.facts.dag(job.job.name), job.run.reason if job.run else None
    stop = guard_rail_stop(reason) if job.state == "failed" else None
    return JobView(
        name=job.job.name,
        dag_id=job.job.dag_id,
        at=f"{job.job.at:%H:%M}",
        tick=job.tick,
        writes=job.job.writes,
        summary=job.job.summary,
        state=job.state,
        waits_for=job.waits_for,
        why=job.why,
        because_of=job.because_of,
        is_repaired=job.is_repaired,
        is_paused=job.is_paused,
        is_known=dag.is_known,
        blocked_by=dag.blocked_by,
        next_run=dag.next_run,
        usual_seconds=job.usual.total_seconds() if job.usual else None,
        done_at=job.done_at,
        run=run_view(job.run) if job.run and _may_view(job.run, rights) else None,
        runs=[run_view(run) for run in job.runs],
        dry_runs=[run_view(run) for run in job.dry_runs],
        active=run_view(job.active) if job.active else None,
        advice=advice_for(reason) if job.state in ("failed", "not run") else None,
        guard_rail=_view(GuardRailView, stop) if stop else None,
        headroom=_headroom(job),
        last_nights=[_cell(night.job(job.job.name)) for night in nights],
        then_run=[other.name for other in jobs_to_run_after(job.job)],
        may_run=job.job.dag_id in rights.runnable,
        may_stop=job.job.dag_id in rights.stoppable,
    )


def _headroom(job: JobNight) -> HeadroomView | None:
    report = (job.run.report if job.run and job.is_done else None) or {}
    counts = [report.get(name) for name in ("removed", "changed", "unchanged")]
    removed = counts[0]
    if not all(isinstance(count, int) for count in counts) or not removed:
        return None
    existing = sum(count for count in counts if isinstance(count, int))
    limit = job.job.limits.maximum_removed_percent
    used = removed * 100 / existing / limit if limit else 1.0
    if used < HEADROOM_SHARE:
        return None
    return HeadroomView(removed=removed, existing=existing, limit=limit, used_percent=round(used * 100))


def _cell(job: JobNight) -> CellView:
    run = job.run
    path = path_in_airflow(run.dag_id, run.run_id) if run else None
    return CellView(run_date=job.tick.date(), state=job.state, is_repaired=job.is_repaired, path=path)


def _next_run(snapshot: Snapshot, names: set[str]) -> NextRunView | None:
    dags = snapshot.facts.dags
    planned = [
        NextRunView(job=job.name, at=dag.next_run)
        for job in JOBS
        if job.name in names and (dag := dags.get(job.name)) and dag.next_run and not dag.is_paused
    ]
    return min(planned, key=lambda run: run.at, default=None)


def _may_view_index(search: SearchFact, rights: Rights) -> bool:
    return find_job(search.job).dag_id in rights.viewable


def _search_view(snapshot: Snapshot, search: SearchFact, rights: Rights) -> SearchView:
    live, definition = search.live, find_definition(search.alias)
    return SearchView(
        alias=search.alias,
        entity=definition.entity,
        job=search.job,
        rollback=search.rollback,
        error=search.error,
        live=_index_view(search, live) if live else None,
        growth=_growth(search),
        kept=[_index_view(search, index) for index in search.previous],
        code_version=code_version(),
        definition_version=definition.version,
        checks=shared_checks(definition).last(),
        build=_view(BuildView, search.build) if search.build else None,
        age_seconds=(snapshot.facts.now - live.built_at).total_seconds() if live and live.built_at else None,
        age_limit_seconds=SEARCH_AGE_LIMIT.total_seconds(),
        problem=why_not_of_night(search, snapshot.latest) or "",
        is_rolled_back=search.is_rolled_back,
        may_roll_back=search.rollback in rights.runnable,
    )


def _growth(search: SearchFact) -> int | None:
    """How many more documents the live index has than the one that was built before it."""
    older = [index for index in search.previous if search.live and index.name < search.live.name]
    if search.live is None or search.live.documents is None or not older:
        return None
    before = max(older, key=lambda index: index.name).documents
    return None if before is None else search.live.documents - before


def _index_view(search: SearchFact, index: IndexFact) -> IndexView:
    live = search.live
    difference = None
    if live and live.documents is not None and index.documents is not None:
        difference = index.documents - live.documents
    return _view(IndexView, index, difference=difference, direction=direction_to(search, index.name))


def direction_to(search: SearchFact, name: str) -> str | None:
    """The direction of the rollback that puts this index behind the alias; None if it is not a neighbour."""
    if search.live is None:
        return None
    names = [index.name for index in search.previous]
    older = [each for each in names if each < search.live.name]
    newer = [each for each in names if each > search.live.name]
    if older and name == max(older):
        return "back"
    return "forward" if newer and name == min(newer) else None
