"""One verdict for a night, from the states of its jobs, of the search indices and of Airflow's components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from sync_airflow.night import sentences
from sync_airflow.night.facts import EventFact, Facts, RunFact, SearchFact
from sync_airflow.night.states import GRACE, JobNight, is_over, states_of_night
from sync_airflow.night_rules import latest_night
from sync_jobs.catalogue import Job

Verdict = Literal["fine", "under way", "late", "needs you", "nothing ran", "repaired", "rolled back", "unknown"]
Level = Literal["good", "busy", "warning", "bad", "unknown"]

LEVELS: dict[Verdict, Level] = {
    "fine": "good",
    "repaired": "good",
    "under way": "busy",
    "rolled back": "warning",
    "late": "bad",
    "needs you": "bad",
    "nothing ran": "bad",
    "unknown": "unknown",
}

# The verdicts that the health address answers with 200.
HEALTHY: tuple[Verdict, ...] = ("fine", "repaired", "under way", "rolled back")


@dataclass(frozen=True, kw_only=True)
class RootCause:
    """A job that is not done although its upstream jobs are, and those that did not run because of it."""

    job: JobNight
    followers: tuple[JobNight, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Night:
    """The night of a run date.

    sentence: the verdict as one sentence, with its facts. details: more sentences, most important first.
    jobs: all eight, in table order. roots: the root causes of what is not done and needs a person, in table order.
    missing: the smallest set of jobs to run that can run, in order; empty for an earlier night, which a later one
    replaces.
    problem: what is wrong besides the jobs, as a clause; empty if nothing is.
    warnings: sentences about what does not change the verdict. rollbacks: by the alias of each index that is rolled
    back, the run that did it; None if it is not known.
    is_latest: no later night has started. is_over: even the last job should have been done by now.
    done_at: when the last job was done, UTC; None if a job is not done.
    """

    run_date: date
    verdict: Verdict
    sentence: str
    details: tuple[str, ...] = ()
    problem: str = ""
    jobs: tuple[JobNight, ...] = ()
    roots: tuple[RootCause, ...] = ()
    missing: tuple[Job, ...] = ()
    warnings: tuple[str, ...] = ()
    rollbacks: Mapping[str, RunFact | None] = field(default_factory=dict)
    is_latest: bool = True
    is_over: bool = False
    done_at: datetime | None = None

    @property
    def level(self) -> Level:
        """For symbol and colour."""
        level = LEVELS[self.verdict]
        return "warning" if level == "good" and self.warnings else level

    @property
    def is_healthy(self) -> bool:
        """Nobody has to act now."""
        return self.verdict in HEALTHY

    def job(self, name: str) -> JobNight:
        """The job of that name. Raises KeyError."""
        return {each.job.name: each for each in self.jobs}[name]


def judge(facts: Facts, run_date: date | None = None) -> Night:
    """The night of that run date; without one, the night that started last."""
    latest = latest_night(facts.now)
    night = run_date or latest
    if facts.error:
        sentence = sentences.unknown(facts.error)
        return Night(run_date=night, verdict="unknown", sentence=sentence, is_latest=night >= latest)
    jobs = states_of_night(facts, night)
    is_latest = night >= latest
    search = facts.search if night == latest else ()
    ends = [job.done_at for job in jobs if job.done_at]
    draft = Night(
        run_date=night,
        verdict="under way",
        sentence="",
        jobs=jobs,
        roots=_roots(jobs),
        missing=_missing(facts, jobs) if night == latest else (),
        warnings=(*_warnings(facts, jobs, is_latest=is_latest), *_alarm_warnings(facts, night)),
        rollbacks={each.alias: _rollback(facts, each) for each in search if each.is_rolled_back},
        is_latest=is_latest,
        is_over=is_over(facts, night),
        done_at=max(ends) if len(ends) == len(jobs) else None,
    )
    verdict, problem = _verdict(facts, draft, search)
    judged = replace(draft, verdict=verdict, problem=problem)
    return replace(judged, sentence=sentences.sentence(judged, facts), details=sentences.details(judged, facts))


def _verdict(facts: Facts, night: Night, search: tuple[SearchFact, ...]) -> tuple[Verdict, str]:
    """The verdict, and what is wrong besides the jobs, as a clause; empty if nothing is."""
    jobs = night.jobs
    problem = _component_problem(facts) if night.is_latest else ""
    if all(job.is_done for job in jobs):
        problem = problem or _search_problem(night, search)
        return _verdict_when_done(night, problem), problem
    verdict: Verdict = "needs you" if problem else "under way"
    if all(job.state == "not run" and not job.runs for job in jobs):
        verdict = "nothing ran"
    elif any(job.is_stuck for job in jobs):
        verdict = "needs you"
    elif any(job.state == "late" for job in jobs):
        verdict = "late"
    return verdict, problem


def _verdict_when_done(night: Night, problem: str) -> Verdict:
    if problem:
        return "needs you"
    if night.rollbacks:
        return "rolled back"
    return "repaired" if any(job.is_repaired for job in night.jobs) else "fine"


def _component_problem(facts: Facts) -> str:
    down = [f"the {component.name}" for component in facts.components if not component.is_healthy]
    if not down:
        return ""
    return f"{sentences.listed(down)} {'is' if len(down) == 1 else 'are'} not running"


def _search_problem(night: Night, search: tuple[SearchFact, ...]) -> str:
    """What is wrong with the search indices although all jobs are done: the rule of the alarm."""
    errors = {each.error for each in search}
    if len(errors) == 1 and search[0].error:  # the cluster does not answer
        return sentences.search_unknown(sentences.SEARCH, search[0].error)
    problems = (_index_problem(night, each, sentences.index_name(each, search)) for each in search)
    return ", and ".join(filter(None, problems))


def _index_problem(night: Night, search: SearchFact, name: str) -> str:
    if search.error:
        return sentences.search_unknown(name, search.error)
    return why_not_of_night(search, night.run_date) or ""


def why_not_of_night(search: SearchFact, night: date) -> str | None:
    """Why the live index is not of that night, as a clause; None if it is, is not known, or is rolled back."""
    if search.error or search.is_rolled_back:
        return None
    live = search.live
    return why_stale(search.alias, live.name if live else None, live.built_at if live else None, night)


def why_stale(alias: str, name: str | None, built: datetime | None, night: date) -> str | None:
    """Why the index behind the alias is not of that night, as a clause; None if it is.

    name, built: of the live index and of the start of its build. The alarm and the verdict share this rule.
    """
    midnight = datetime.combine(night, time(0), tzinfo=UTC)
    if name is None:
        found = f"no index is behind the alias {alias}"
    elif built is None:
        found = f"the live index {name} was not made by a build"
    elif built < midnight:
        found = f"the live index {name} was built at {built:%Y-%m-%d %H:%M} UTC"
    else:
        return None
    return f"{found}; expected an index built since {midnight:%Y-%m-%d %H:%M} UTC"


def _alarm_warnings(facts: Facts, night: date) -> tuple[str, ...]:
    """What is wrong with the alarms: they would send no message about a stale index. Only for the latest night."""
    if night != latest_night(facts.now):
        return ()
    return tuple(filter(None, (_alarm_warning(facts, night, search) for search in facts.search)))


def _alarm_warning(facts: Facts, night: date, search: SearchFact) -> str | None:
    dag, name = facts.dag(search.alarm), sentences.index_name(search, facts.search)
    runs = (run for run in facts.runs if run.dag_id == search.alarm)
    last = max(runs, key=lambda run: run.run_after, default=None)
    if not dag.is_known:
        return sentences.alarm_unknown(name)
    if dag.is_paused:
        return sentences.alarm_paused(name)
    due = _alarm_due(dag.next_run, last, night)
    if due and facts.now > due + GRACE:
        return sentences.alarm_missing(name, due)
    # A failure that says that the index is stale is part of the verdict already.
    built = search.live.built_at if search.live else None
    has_failed = last is not None and last.state == "failed" and last.own_date >= night
    if last and has_failed and built and built.date() >= night and built < last.run_after:
        return sentences.alarm_failed(name, last)
    return None


def _alarm_due(next_run: datetime | None, last: RunFact | None, night: date) -> datetime | None:
    """When the alarm should have run in this night and has not; None if it has, or has no schedule."""
    if next_run is None:
        return None
    tick = datetime.combine(night, next_run.astimezone(UTC).time(), UTC)
    # Before its first run, a tick may lie before the day on which the alarm was set up.
    return tick if next_run <= tick or (last is not None and last.own_date < night) else None


def _roots(jobs: tuple[JobNight, ...]) -> tuple[RootCause, ...]:
    """Each job that is stuck or late for a reason of its own, with those that did not run because of it.

    A job with several root causes is listed under the first.
    """
    by_name = {job.job.name: job for job in jobs}
    followers: dict[str, list[JobNight]] = {
        job.job.name: [] for job in jobs if (job.is_stuck or job.state == "late") and not job.because_of
    }
    for job in jobs:
        if job.is_stuck and job.because_of:
            root = _first_root(job, by_name)
            followers.setdefault(root, []).append(job)
    ordered = [job for job in jobs if job.job.name in followers]
    return tuple(RootCause(job=job, followers=tuple(followers[job.job.name])) for job in ordered)


def _first_root(job: JobNight, by_name: dict[str, JobNight]) -> str:
    while job.because_of:
        job = by_name[job.because_of[0]]
    return job.job.name


def _missing(facts: Facts, jobs: tuple[JobNight, ...]) -> tuple[Job, ...]:
    """Jobs that no run does and that can run now: stuck ones, and late ones without a run.

    Not if its DAG is paused or unknown to Airflow, or if it needs such a job first.
    """
    found: list[Job] = []
    impossible: set[str] = set()
    for job in jobs:
        name = job.job.name
        if job.is_done:
            continue
        if job.is_paused or not facts.dag(name).is_known or impossible.intersection(job.because_of):
            impossible.add(name)
        elif job.is_stuck or (job.state == "late" and job.run is None):
            found.append(job.job)
    return tuple(found)


def _rollback(facts: Facts, search: SearchFact) -> RunFact | None:
    """The last real run that moved the alias."""
    runs = [run for run in facts.runs if run.dag_id == search.rollback and run.state == "success" and not run.dry_run]
    return max(runs, key=lambda run: run.ended or run.run_after, default=None)


def _blocks_next_night(facts: Facts, job: JobNight) -> RunFact | None:
    """The run that somebody planned for so late that Airflow creates no run of the next night; None without any."""
    blocked_by, next_tick = facts.dag(job.job.name).blocked_by, job.tick + timedelta(days=1)
    runs = (run for run in facts.runs_of(job.job.name) if run.run_id == blocked_by and run.run_after >= next_tick)
    return next(runs, None)


def _mark_of_success(facts: Facts, run: RunFact) -> EventFact | None:
    """What set this run to successful after its work had ended; None if it succeeded by itself and has a report."""
    if run.report is not None:
        return None
    marks = (each for each in facts.events if each.marks_success)
    of_run = (mark for mark in marks if (mark.dag_id, mark.run_id) == (run.dag_id, run.run_id))
    return next((mark for mark in of_run if run.worked_until is None or mark.moment >= run.worked_until), None)


def _obstacles(facts: Facts, job: JobNight) -> list[str]:
    """What keeps a job from its run of the next night."""
    name, found = job.job.name, []
    if job.is_paused:
        found.append(f"{name} is paused: it will not run in the next night.")
    if not facts.dag(name).is_known:
        found.append(sentences.dag_unknown(name))
    planned = _blocks_next_night(facts, job)
    if planned:
        found.append(sentences.blocked(name, planned))
    return found


def _warnings(facts: Facts, jobs: tuple[JobNight, ...], *, is_latest: bool) -> tuple[str, ...]:
    found = []
    for job in jobs:
        if not job.is_done or job.run is None:
            continue
        left_out = (job.run.report or {}).get("left_out")
        if isinstance(left_out, int) and left_out:
            found.append(sentences.left_out(job.job.name, left_out))
        marked = _mark_of_success(facts, job.run)
        if marked:
            found.append(sentences.marked_as_successful(job.job.name, marked))
        ended = job.run.work_ended or facts.now
        found += [
            sentences.failed_again(job.job.name, run)
            for run in job.failures[-1:]
            if (run.work_started or run.run_after) > ended
        ]
        found += _obstacles(facts, job) if is_latest else []
    return tuple(found)
