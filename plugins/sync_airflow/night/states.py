"""The state of each job in a night."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Literal

from sync_airflow.night.facts import RECOVERY, Facts, RunFact
from sync_airflow.night.sentences import listed
from sync_airflow.night_rules import Success, latest_night, works_of_night
from sync_jobs.catalogue import JOBS, Job, index_build_before, upstream_jobs

State = Literal["done", "running", "waiting", "late", "failed", "not run", "paused"]

# How many nights the usual duration of a job comes from.
USUAL_NIGHTS = 14

# A job is late if it has not ended this long after its usual end. That is longer than the waits between automatic
# retries (up to four minutes) or a restart of the scheduler, so a delay that resolves without help is not reported.
GRACE = timedelta(minutes=10)

# The duration of a job without a history: longer than any job takes at a million persons (docs/benchmark.md).
UNKNOWN_DURATION = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class JobNight:
    """A job in a night.

    tick: when its run was due, UTC. run: the run that decides the state: it did the work, is active, or failed.
    runs: all real runs for this night since the tick, by start: for a timeline. dry_runs: dry runs since the tick.
    active: any run of the job that is running, or queued and due, also a dry one or one for another date.
    waits_for: of a waiting job, a phrase such as "for the end of PersonOwnerRebuildJob". why: of a job that is late,
    failed, not run or paused, one clause without a full stop. because_of: names of the jobs that it waits for and that
    are not done, of a job that did not run. usual: the median duration of its work, None without a history.
    is_repaired: done after a failure, or by a person or recovery after it was late.
    """

    job: Job
    tick: datetime
    state: State
    run: RunFact | None = None
    runs: tuple[RunFact, ...] = ()
    dry_runs: tuple[RunFact, ...] = ()
    active: RunFact | None = None
    waits_for: str = ""
    why: str = ""
    because_of: tuple[str, ...] = ()
    usual: timedelta | None = None
    is_paused: bool = False
    is_repaired: bool = False

    @property
    def is_done(self) -> bool:
        """The work of the night is done."""
        return self.state == "done"

    @property
    def is_stuck(self) -> bool:
        """It will not be done unless somebody acts."""
        return self.state in ("failed", "not run") or (self.state == "paused" and bool(self.why))

    @property
    def done_at(self) -> datetime | None:
        """When its work was done, UTC."""
        return self.run.work_ended if self.is_done and self.run else None

    @property
    def failures(self) -> tuple[RunFact, ...]:
        """The runs for this night that failed."""
        return tuple(run for run in self.runs if run.state == "failed")


def tick_of(job: Job, night: date) -> datetime:
    """When the job is due in that night, UTC."""
    return datetime.combine(night, job.at, UTC)


def states_of_night(facts: Facts, night: date) -> tuple[JobNight, ...]:
    """Each job in the night of that run date, in table order."""
    of_night = _OfNight(facts, night)
    found: dict[str, JobNight] = {}
    for job in JOBS:
        found[job.name] = of_night.judge(job, found)
    return tuple(found.values())


def usual_duration(facts: Facts, job: Job, night: date) -> timedelta | None:
    """The median duration of the job's work in the nights before; None without any."""
    times = []
    for run in facts.runs_of(job.name):
        if run.run_date is None or not 0 < (night - run.run_date).days <= USUAL_NIGHTS:
            continue
        success = run.success()
        if success and success.of_its_night:
            times.append((success.ended - success.started).total_seconds())
    return timedelta(seconds=median(times)) if times else None


def is_over(facts: Facts, night: date) -> bool:
    """Whether even the last job of the night should have been done by now."""
    last = JOBS[-1]
    usual = usual_duration(facts, last, night) or UNKNOWN_DURATION
    return latest_night(facts.now) > night or facts.now > tick_of(last, night) + usual + GRACE


class _OfNight:
    """Judges the jobs of one night, in table order."""

    def __init__(self, facts: Facts, night: date) -> None:
        self._facts, self._night, self._now = facts, night, facts.now
        self._is_over = is_over(facts, night)
        self._runs = {job.name: self._runs_for_night(job) for job in JOBS}

    def judge(self, job: Job, before: Mapping[str, JobNight]) -> JobNight:
        """The state of the job. before: the states of the jobs above it in the table."""
        tick, runs = tick_of(job, self._night), self._runs[job.name]
        usual = usual_duration(self._facts, job, self._night)
        blank = JobNight(
            job=job,
            tick=tick,
            state="waiting",
            runs=runs,
            dry_runs=self._dry_runs(job),
            active=self._active(job),
            usual=usual,
            is_paused=self._facts.dag(job.name).is_paused,
        )
        upstream = [before[other.name] for other in upstream_jobs(job)]
        due, patience = self._due(job, before), (usual or UNKNOWN_DURATION) + GRACE
        done = self._done(job)
        if done:
            return replace(blank, state="done", run=done, is_repaired=_is_repaired(done, runs, tick, usual))
        active = next((run for run in reversed(runs) if run.is_active and run.run_after <= self._now), None)
        if active:
            return self._judge_active(blank, active, overdue=self._now > max(due, _wanted_since(active)) + patience)
        starter = self._starter(job)
        if starter:
            return replace(blank, run=starter, waits_for=_for_starter(starter))
        failed = next((run for run in reversed(runs) if run.state == "failed"), None)
        if failed and failed.stopped_by is None:
            return replace(blank, state="failed", run=failed, why=failed.reason or "it gave no reason: see its log")
        if self._now < tick:
            state: State = "paused" if blank.is_paused else "waiting"
            return replace(blank, state=state, waits_for=f"for its time, {job.at:%H:%M} UTC")
        return self._judge_missing(blank, failed, upstream, overdue=self._now > due + patience)

    def _judge_active(self, blank: JobNight, run: RunFact, *, overdue: bool) -> JobNight:
        waits_for = _wait_of(run)
        if overdue and not run.waits_for:
            since = run.work_started if not waits_for else run.started
            why = f"it has been running since {_minute(since)}" if not waits_for else f"it still waits {waits_for}"
            return replace(blank, state="late", run=run, waits_for=waits_for, why=why)
        return replace(blank, state="waiting" if waits_for else "running", run=run, waits_for=waits_for)

    def _judge_missing(
        self, blank: JobNight, failed: RunFact | None, upstream: list[JobNight], *, overdue: bool
    ) -> JobNight:
        """After its tick, if no run has done the work and none is active."""
        job, dag = blank.job, self._facts.dag(blank.job.name)
        names = tuple(other.job.name for other in upstream if not other.is_done)
        if failed:
            why = failed.reason or f"{failed.stopped_by} was not done"
            if failed.stopped_by and failed.stopped_by not in names:
                why = f"{failed.stopped_by} was not done at that time; it is done now"
            return replace(blank, state="not run", run=failed, why=why, because_of=names)
        if blank.is_paused:
            return replace(blank, state="paused", why="its DAG is paused")
        if not dag.is_known:
            why = "Airflow does not know its DAG: its file is missing or cannot be imported"
        elif dag.blocked_by:
            why = f"the run {dag.blocked_by}, planned for a later time, blocks its scheduled runs"
        else:
            why = self._deletion(job) or f"it should have started at {job.at:%H:%M} and has not"
        if self._is_over:
            stale = next((run for run in reversed(blank.runs) if run.state == "success"), None)
            if stale:
                later = [other.job.name for other in upstream if not other.done_at or other.done_at > _begun(stale)]
                why = f"its run of {_minute(_begun(stale))} came before {listed(later)} had done the work"
            return replace(blank, state="not run", run=stale, why=why, because_of=names)
        if overdue:
            return replace(blank, state="late", why=why)
        return replace(blank, waits_for="for its run, which is due")

    def _deletion(self, job: Job) -> str:
        """Who has deleted a run of the job since its tick, as a clause; empty if nobody has."""
        for event in self._facts.events:
            if event.is_deletion and event.dag_id == job.dag_id and event.moment >= tick_of(job, self._night):
                return f"{event.user or 'somebody'} deleted a run of it at {_minute(event.moment)}"
        return ""

    def _runs_for_night(self, job: Job) -> tuple[RunFact, ...]:
        """Real runs that are for this night and that started at or after its tick, by start."""
        tick = tick_of(job, self._night)
        runs = [
            run
            for run in self._facts.runs_of(job.name)
            if run.worked and _begun(run) >= tick and self._is_for_night(job, run)
        ]
        return tuple(sorted(runs, key=_begun))

    def _is_for_night(self, job: Job, run: RunFact) -> bool:
        if run.run_date is None or run.run_date < self._night:
            return False
        moment = _begun(run)
        success = Success(run.run_id, run.run_date, run.own_date, moment, moment, run.dry_run, self._override(run))
        return self._counts(job, success, run.first_date)

    def _counts(self, job: Job, success: Success, first: date | None) -> bool:
        if success.is_for(self._night):
            return True
        catches_up = job.covers_missed_nights and success.of_its_night and first is not None
        return catches_up and first is not None and first <= self._night <= success.run_date

    def _override(self, run: RunFact) -> str:
        """The date override of a run; empty if it is the date of the night, because that changes nothing."""
        return "" if run.date_override.strip() == self._night.isoformat() else run.date_override

    def _done(self, job: Job) -> RunFact | None:
        """The first run that has done the work of the night."""

        def successes_of(other: Job) -> list[Success]:
            found = ((run, run.success()) for run in self._runs[other.name])
            return [replace(success, date_override=self._override(run)) for run, success in found if success]

        def counts(_: Job, __: Success) -> bool:
            return True  # _runs_for_night has chosen them

        works = works_of_night(job, tick_of(job, self._night), successes_of, counts)
        # Runs of other jobs have the same id if one recovery has started them.
        by_id = {run.run_id: run for run in self._runs[job.name]}
        return min((by_id[work.run_id] for work in works), key=_ended, default=None)

    def _due(self, job: Job, before: Mapping[str, JobNight]) -> datetime:
        """When the job could begin: at its tick, or when the jobs that it waits for were done."""
        build = index_build_before(job)
        awaited = [*upstream_jobs(job), *([build] if build else [])]
        ends = [done_at for other in awaited if (done_at := before[other.name].done_at)]
        return max([tick_of(job, self._night), *ends])

    def _active(self, job: Job) -> RunFact | None:
        runs = [run for run in self._facts.runs if run.job == job.name and run.is_active and run.run_after <= self._now]
        return min(runs, key=lambda run: (run.state != "running", _begun(run)), default=None)

    def _starter(self, job: Job) -> RunFact | None:
        """An active real run for this date that will start the job: of recovery, or of a job before it in a chain."""
        for run in self._facts.active:
            if run.dry_run or run.run_date != self._night:
                continue
            if run.job == RECOVERY:
                will_start = job.name in run.only_jobs or not run.only_jobs
            else:
                will_start = job.name in run.then_run
            if will_start:
                return run
        return None

    def _dry_runs(self, job: Job) -> tuple[RunFact, ...]:
        tick = tick_of(job, self._night)
        until = tick + timedelta(days=1)
        runs = [run for run in self._facts.runs if run.job == job.name and run.dry_run and tick <= _begun(run) < until]
        return tuple(sorted(runs, key=_begun))


def _begun(run: RunFact) -> datetime:
    return run.work_started or run.run_after


def _wanted_since(run: RunFact) -> datetime:
    """When the run should have started: at its time or, if somebody has cleared it, at its new start."""
    return run.started if run.times_cleared and run.started else run.run_after


def _ended(run: RunFact) -> datetime:
    return run.work_ended or run.run_after


def _is_repaired(done: RunFact, runs: tuple[RunFact, ...], tick: datetime, usual: timedelta | None) -> bool:
    if any(run.state == "failed" and _begun(run) < _ended(done) for run in runs):
        return True
    was_late = _begun(done) > tick + (usual or UNKNOWN_DURATION) + GRACE
    return was_late and (done.started_by != "schedule" or done.times_cleared > 0)


def _wait_of(run: RunFact) -> str:
    """What an active run waits for; empty while it works."""
    if run.state == "queued":
        return "for a free worker, or for the end of another run of this job"
    if run.is_retrying:
        return "for a retry after a failed attempt" + (f": {run.reason}" if run.reason else "")
    return f"for the end of {listed(run.waits_for)}" if run.waits_for else ""


def _for_starter(run: RunFact) -> str:
    return "for its turn in recovery" if run.job == RECOVERY else f"for the end of {run.job}, which starts it"


def _minute(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%H:%M") if moment else "an unknown time"
