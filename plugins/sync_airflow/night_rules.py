"""Which date a run is for, which dates it covers, and whether another run has done its work already.

Plain functions over what Airflow knows of runs and what each success left behind (class Success): no
clock, no database, so that every rule can be read and tested here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sync_jobs.catalogue import JOBS, Job, upstream_jobs
from sync_jobs.run_dates import parse_date

# Run types of Airflow: a scheduled run or a backfill has a night that it belongs to; any other is by hand.
SCHEDULED = "scheduled"
BACKFILL = "backfill"
OPERATOR_TRIGGERED = "operator_triggered"

# How the rules below ask for the past: the latest successes of a job, newest first.
SuccessesOf = Callable[[Job], Iterable["Success"]]


@dataclass(frozen=True)
class Success:
    """What a successful run left behind: the extra of its job's asset event.

    run_date: the date that it was for; own_date: the UTC date of its tick or, by hand, of its start: a run
    for another date than its own repeats or tries something and says nothing about the night.
    started, ended: when its work began and was done, in UTC.
    """

    run_id: str
    run_date: date
    own_date: date
    started: datetime
    ended: datetime
    dry_run: bool = False
    date_override: str = ""

    @property
    def of_its_night(self) -> bool:
        """A real run for its own date: whatever that night asked for is done."""
        return not self.dry_run and not self.date_override and self.run_date == self.own_date

    def as_extra(self) -> dict[str, Any]:
        """JSON-able, for the asset event."""
        return {
            "run_id": self.run_id,
            "run_date": self.run_date.isoformat(),
            "own_date": self.own_date.isoformat(),
            "started": self.started.astimezone(UTC).isoformat(),
            "ended": self.ended.astimezone(UTC).isoformat(),
            "dry_run": self.dry_run,
            "date_override": self.date_override,
        }

    @classmethod
    def from_extra(cls, extra: Mapping[str, Any]) -> "Success":
        """The inverse of as_extra. Raises KeyError or ValueError for an event of another form."""
        return cls(
            run_id=extra["run_id"],
            run_date=date.fromisoformat(extra["run_date"]),
            own_date=date.fromisoformat(extra["own_date"]),
            started=datetime.fromisoformat(extra["started"]),
            ended=datetime.fromisoformat(extra["ended"]),
            dry_run=extra["dry_run"],
            date_override=extra["date_override"],
        )


def successes(events: Iterable[Any]) -> tuple[Success, ...]:
    """The successes among asset events; one made by hand in the UI has no run behind it and is left out."""
    return tuple(Success.from_extra(event.extra) for event in events if event.extra and "own_date" in event.extra)


def belongs_to_a_night(run_type: str) -> bool:
    """Whether a run has a night, and so upstream runs to wait for: scheduled or backfill, not by hand."""
    return run_type in (SCHEDULED, BACKFILL)


def own_date(run_type: str, logical_date: datetime | None, run_after: datetime) -> date:
    """The UTC date that a run is for unless told otherwise: of its tick or, by hand, of its start.

    A logical date that somebody typed into a run by hand is a label; run_date is the way to ask for a date.
    """
    moment = logical_date if logical_date is not None and belongs_to_a_night(run_type) else run_after
    return moment.astimezone(UTC).date()


def chosen_date(given: str | None, own: date) -> date:
    """The run date: the param run_date if one was given, else the run's own date. Raises BadArgument."""
    return parse_date(given) if given else own


def first_date(
    job: Job, run_date: date, own: date, earlier: Iterable[Success], *, date_override: str = ""
) -> date | None:
    """The first date that a run covers, so that no night is lost: the day after the last night that succeeded.

    None: the run looks at its run date alone. That is so for jobs that look at the present anyway, for a run
    for another date than its own, with a date_override, and when no earlier night is known.
    Runs by hand for today count as the night, on both sides: recovery after three missed nights covers them.
    """
    if not job.covers_missed_nights or date_override or run_date != own:
        return None
    done = [success.run_date for success in earlier if success.of_its_night and success.run_date < run_date]
    return max(done) + timedelta(days=1) if done else None


def covering_run(job: Job, tick: datetime, successes_of: SuccessesOf, *, run_id: str = "") -> Success | None:
    """The run that did what the scheduled run of that tick is for, other than the run run_id; None if there is none.

    It must be real, have started at or after the tick (an earlier one may have read what was not yet there), be
    for the same date, or for its own, later one, which covers all before it (first_date), and have started after
    each job upstream had done its part of the night: what was run by hand out of order stands for no night.
    """
    return next((success for success in _done(job, tick, successes_of) if success.run_id != run_id), None)


def _done(job: Job, tick: datetime, successes_of: SuccessesOf) -> list[Success]:
    run_date = tick.astimezone(UTC).date()
    return [
        success
        for success in successes_of(job)
        if success.started >= tick
        and not success.dry_run
        and not success.date_override
        and (success.run_date == run_date or (success.of_its_night and success.run_date > run_date))
        and all(
            any(before.ended <= success.started for before in _done(other, tick - between(other, job), successes_of))
            for other in upstream_jobs(job)
        )
    ]


def latest_night(now: datetime) -> date:
    """The date of the last night that has begun: at the tick of its first job, in UTC."""
    now = now.astimezone(UTC)
    return now.date() if now.time() >= JOBS[0].at else now.date() - timedelta(days=1)


def between(upstream: Job, job: Job) -> timedelta:
    """From the tick of an earlier job to that of a later one of the same night."""
    midnight = date.min
    return datetime.combine(midnight, job.at) - datetime.combine(midnight, upstream.at)


def reason_to_skip(
    job: Job,
    *,
    run_type: str,
    tick: datetime | None,
    run_id: str,
    times_cleared: int,
    now: datetime,
    successes_of: SuccessesOf,
) -> str | None:
    """Why a scheduled run has nothing left to do, as a sentence for its log; None if it has.

    After an outage Airflow makes a run for the next tick it had planned and for the latest one, beside
    recovery: the work is done once. A run of an earlier night is left to the night that has begun, as a
    whole: no job of one night may run on what another left half done. A run that a person cleared runs
    whatever else has run, and so does a backfill: both were asked for.
    """
    if run_type != SCHEDULED or tick is None or times_cleared:
        return None
    night = latest_night(now)
    if tick.astimezone(UTC).date() < night:
        return f"{job.name}: the night of {night} has begun, whose run takes the place of this one of {_minute(tick)}."
    covering = covering_run(job, tick, successes_of, run_id=run_id)
    if covering:
        return (
            f"{job.name}: the run {covering.run_id}, started {_minute(covering.started)} for {covering.run_date}, "
            f"covers this one of {_minute(tick)}."
        )
    return None


def reason_never_to_come(
    upstream: Job, tick: datetime, *, runs: int, is_paused: bool, next_tick: datetime | None
) -> str | None:
    """Why a sensor would wait in vain for the run of that tick, as a sentence; None if it is or may come to be there.

    runs: how many runs of that tick there are. next_tick: of the next run that Airflow plans.
    """
    if runs:
        return None
    if is_paused:
        return f"{upstream.name} is paused and has no run of {_minute(tick)}."
    if next_tick is not None and next_tick > tick:
        return f"{upstream.name} has no run of {_minute(tick)} and will have none: it was new or paused then."
    return None


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
