"""Which date a run is for, which dates it covers, and whether another run has already done its work.

Pure functions of the runs that Airflow knows and of past successes (class Success). They use no clock and no database.
The tick of a run is the time at which the schedule makes it due.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sync_jobs.catalogue import JOBS, Job, upstream_jobs
from sync_jobs.errors import BadArgument
from sync_jobs.parameter_names import CONFIRM_RUN_DATE, FIRST_DATE
from sync_jobs.run_dates import parse_date

# Airflow's run types. A scheduled run and a backfill belong to a night; all others are manual runs.
SCHEDULED = "scheduled"
BACKFILL = "backfill"
OPERATOR_TRIGGERED = "operator_triggered"

# Prefix of the ids of runs that replace a missing scheduled run (tasks/missing_runs.py).
IN_PLACE = "in_place"

# A function that returns the latest successes of a job, newest first.
SuccessesOf = Callable[[Job], Iterable["Success"]]


@dataclass(frozen=True)
class Success:
    """A successful run, as stored in the extra of its job's asset event.

    run_date: the date that it was for. own_date: the UTC date of its tick or, for a manual run, of its start. A run for
    another date than its own does not count for the night. started, ended: when its work started and ended, in UTC.
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
        """A real run for its own date: the work of that night is done."""
        return self.is_for(self.own_date)

    def is_for(self, night: date) -> bool:
        """A real run for that date, with no other date for its candidates: it can do the work of that night."""
        return not self.dry_run and not self.date_override and self.run_date == night

    def as_extra(self) -> dict[str, Any]:
        """The extra of the asset event, JSON-able."""
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
        """The inverse of as_extra. Raises KeyError or ValueError for another form."""
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
    """The successes among asset events. Leaves out events that were created in the UI: they have no run."""
    return tuple(Success.from_extra(event.extra) for event in events if event.extra and "own_date" in event.extra)


def belongs_to_a_night(run_type: str) -> bool:
    """Whether a run belongs to a night, and so has upstream runs to wait for: scheduled or backfill."""
    return run_type in (SCHEDULED, BACKFILL)


def run_type_of(run: Any) -> str:
    """Airflow's type of a run, but "scheduled" for a replacement of a scheduled run, which behaves like that run."""
    if _is_in_place(run):
        return SCHEDULED
    return str(getattr(run.run_type, "value", run.run_type))  # an enum in a task, a string in Airflow's models


def night_tick(run: Any) -> datetime | None:
    """The tick of the night that a run belongs to; None for a manual run."""
    if _is_in_place(run):
        return run.run_after  # type: ignore[no-any-return]
    return run.logical_date if belongs_to_a_night(run.run_type) else None


def run_ids_of_night(tick: datetime) -> list[str]:
    """The ids that the run of that tick can have: of a scheduled run, a replacement or a backfill."""
    return [f"{kind}__{tick.astimezone(UTC).isoformat()}" for kind in (SCHEDULED, IN_PLACE, BACKFILL)]


def _is_in_place(run: Any) -> bool:
    # Only tasks start runs of this type, so no person can choose such an id.
    return bool(run.run_type == OPERATOR_TRIGGERED and run.run_id.startswith(f"{IN_PLACE}__"))


def own_date(run_type: str, logical_date: datetime | None, run_after: datetime) -> date:
    """The UTC date that a run is for by default: of its tick or, for a manual run, of its start.

    The logical date of a manual run does not change its date; the parameter run_date does.
    """
    moment = logical_date if logical_date is not None and belongs_to_a_night(run_type) else run_after
    return moment.astimezone(UTC).date()


def chosen_date(given: str | None, own: date) -> date:
    """The run date: the given one, or the run's own date. Raises BadArgument."""
    return parse_date(given) if given else own


def refuse_far_date(run_date: date, own: date, *, maximum_days: int, confirmed: bool) -> None:
    """Raise BadArgument for a run date that is probably a typing error: far from the run's own date, not confirmed."""
    days = abs((run_date - own).days)
    if days > maximum_days and not confirmed:
        raise BadArgument(
            f"The run date {run_date} is {days:,} days away, more than the {maximum_days:,} allowed. If it is right, "
            f"start the run again with {CONFIRM_RUN_DATE} true. Nothing was started."
        )


def refuse_wrong_first_date(given: date, run_date: date, *, maximum_days: int, confirmed: bool) -> None:
    """Raise BadArgument for a given first date after the run date, or far before it and not confirmed."""
    if given > run_date:
        raise BadArgument(
            f"{FIRST_DATE} {given} is after the run date {run_date}: expected that date or an earlier one. "
            "Nothing was started."
        )
    days = (run_date - given).days
    if days > maximum_days and not confirmed:
        raise BadArgument(
            f"{FIRST_DATE} {given} is {days:,} days before the run date, more than the {maximum_days:,} allowed. If it "
            f"is right, start the run again with {CONFIRM_RUN_DATE} true. Nothing was started."
        )


def successful_nights(earlier: Iterable[Success]) -> set[date]:
    """The nights whose work these runs did. A manual run for today counts as the night."""
    return {success.run_date for success in earlier if success.of_its_night}


def catches_up(job: Job, run_date: date, own: date, *, date_override: str = "") -> bool:
    """Whether a run covers missed nights: only a run for its own date and without a date_override does."""
    return job.covers_missed_nights and run_date == own and not date_override


def first_date(
    job: Job, run_date: date, own: date, nights: Iterable[date], *, date_override: str = "", given: date | None = None
) -> date | None:
    """The first date that a run covers, so that no night is lost: the day after the last successful night.

    nights: those that have succeeded (successful_nights, and those that the job remembers). given: by the operator. An
    earlier missed night is covered too, because later runs start after the night of this run.
    None: the run covers only its run date. That is the case for jobs that compute the current state anyway, for a run
    for another date than its own, with a date_override, and if no earlier night is known.
    """
    if not catches_up(job, run_date, own, date_override=date_override):
        return given
    done = [night for night in nights if night < run_date]
    missed = [max(done) + timedelta(days=1)] if done else []
    return min([*missed, *([given] if given else [])], default=None)


def no_night_is_known(job: Job, run_date: date, own: date, nights: Iterable[date], *, date_override: str = "") -> bool:
    """Whether a run should cover missed nights, but cannot know which: no night up to its run date has succeeded."""
    return catches_up(job, run_date, own, date_override=date_override) and min(nights, default=date.max) > run_date


def covering_run(job: Job, tick: datetime, successes_of: SuccessesOf, *, run_id: str = "") -> Success | None:
    """The run, other than run_id, that has done the work of the scheduled run of that tick; None if no run has.

    The covering run is not a dry run. It started at or after the tick, because an earlier run may have read incomplete
    data. It is for the same date, or for its own, later date, which covers all dates before it (first_date). It started
    after each upstream job had done its work of that night, so manual runs out of order do not count.
    """
    return next((success for success in _covering(job, tick, successes_of) if success.run_id != run_id), None)


def _covering(job: Job, tick: datetime, successes_of: SuccessesOf) -> list[Success]:
    run_date = tick.astimezone(UTC).date()

    def counts(_: Job, success: Success) -> bool:
        return success.is_for(run_date) or (success.of_its_night and success.run_date > run_date)

    return works_of_night(job, tick, successes_of, counts)


def works_of_night(
    job: Job, tick: datetime, successes_of: SuccessesOf, counts: Callable[[Job, Success], bool]
) -> list[Success]:
    """The successes that have done the job's work of the night of that tick, in the order of successes_of.

    Those that count, and that started at or after the tick and after each upstream job had done its work of the night.
    """
    return [
        success
        for success in successes_of(job)
        if success.started >= tick
        and counts(job, success)
        and all(
            any(
                before.ended <= success.started
                for before in works_of_night(other, tick - between(other, job), successes_of, counts)
            )
            for other in upstream_jobs(job)
        )
    ]


def displaced_tick(job: Job, run: Any, *, does_other_work: bool, now: datetime) -> datetime | None:
    """The tick whose scheduled run this run displaces, if that run still needs a replacement; None otherwise.

    Airflow creates no scheduled run for a logical date that another run of the DAG has. A backfill that does other work
    (it is a dry run, or for another date) displaces it, too. A tick of an earlier night needs no replacement: the night
    that has started since replaces it.
    """
    tick = run.logical_date
    if tick is None or run_type_of(run) == SCHEDULED or (run.run_type == BACKFILL and not does_other_work):
        return None
    tick = tick.astimezone(UTC)
    return tick if tick.time() == job.at and tick.date() >= latest_night(now) else None


def latest_night(now: datetime) -> date:
    """The date of the night that started last, in UTC. A night starts at the tick of its first job."""
    now = now.astimezone(UTC)
    return now.date() if now.time() >= JOBS[0].at else now.date() - timedelta(days=1)


def between(upstream: Job, job: Job) -> timedelta:
    """The time from the tick of an earlier job to that of a later one in the same night."""
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
    """Why a scheduled run has nothing left to do, as a sentence for its log; None if it has work to do.

    After an outage Airflow creates a run for the next planned tick and for the latest one, in addition to recovery. The
    work is done once. A run of an earlier night leaves all work to the new night, so that no job runs on data that
    belongs to two nights. A cleared run and a backfill always run, because a person asked for them.
    """
    if run_type != SCHEDULED or tick is None or times_cleared:
        return None
    night = latest_night(now)
    if tick.astimezone(UTC).date() < night:
        return f"{job.name}: the night of {night} has started; its run replaces this one of {_minute(tick)}."
    covering = covering_run(job, tick, successes_of, run_id=run_id)
    if covering:
        return (
            f"{job.name}: the run {covering.run_id}, started {_minute(covering.started)} for {covering.run_date}, "
            f"covers this one of {_minute(tick)}."
        )
    return None


def reason_not_to_wait(
    upstream: Job, tick: datetime, *, runs: int, is_paused: bool, next_tick: datetime | None
) -> str | None:
    """Why the run of that tick will never exist, as a sentence; None if it exists or may still be created.

    runs: how many runs of that tick exist. next_tick: of the next run that Airflow plans.
    """
    if runs:
        return None
    if is_paused:
        return f"{upstream.name} is paused and has no run of {_minute(tick)}."
    if next_tick is not None and next_tick > tick:
        return (
            f"{upstream.name} has no run of {_minute(tick)} and will not get one: "
            "it was new or paused at that time, or another run has that logical date."
        )
    return None


def reason_not_to_count(upstream: Job, tick: datetime, successes_of: SuccessesOf) -> str | None:
    """Why the successful run of that tick has not done the work of its night, as a clause; None if it has.

    A run without an event counts: somebody marked it as success, or it skipped itself because its work was done.
    """
    run_ids = run_ids_of_night(tick)
    success = next((success for success in successes_of(upstream) if success.run_id in run_ids), None)
    if success is None or success.of_its_night:
        return None
    if success.dry_run:
        what = "a dry run"
    elif success.date_override:
        what = f"a run with the date override {success.date_override}"
    else:
        what = f"a run for {success.run_date}"
    return f"the run {success.run_id} of {upstream.name} was {what}"


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
