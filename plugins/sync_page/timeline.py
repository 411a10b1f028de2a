"""The picture of a night: a lane for each job, with positions in per cent of its width."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sync_page.night_view import JobView, NightView, RunView
from sync_page.words import NOTHING, clock, duration

# The picture of an ordinary night ends at this time. It starts at midnight.
USUAL_END = timedelta(hours=2, minutes=30)

# Longer pictures have marks further apart, so that their labels do not touch each other.
STEPS = tuple(timedelta(minutes=minutes) for minutes in (30, 60, 120, 240, 360))
MOST_STEPS = 6

# Shorter bars would be invisible.
LEAST_WIDTH = 0.6


@dataclass(frozen=True, kw_only=True)
class Bar:
    """kind: usual, waited, retried, done, running, failed or missing. left, width: per cent."""

    kind: str
    left: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A job. due: where its tick is, per cent. bars: in drawing order."""

    job: JobView
    due: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A labelled time on the axis."""

    left: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """The same facts in words: one for each run, or for a job without one."""

    job: str
    due: str
    began: str
    waited: str
    ended: str
    took: str
    usual: str
    tries: int
    result: str


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """now: where the present is; None if it is outside the picture."""

    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...]
    rows: tuple[Row, ...]
    now: float | None


def timeline(view: NightView) -> Timeline:
    """The picture of the night of this view."""
    start = datetime.combine(view.run_date, time(0), UTC)
    step, end = _extent(view, start)

    def place(moment: datetime) -> float:
        return round(max(0.0, min(100.0, (moment - start) / (end - start) * 100)), 2)

    def bar(kind: str, since: datetime, until: datetime) -> Bar:
        left = min(place(since), 100 - LEAST_WIDTH)
        return Bar(kind=kind, left=left, width=round(max(LEAST_WIDTH, place(until) - left), 2))

    marks = [start + step * count for count in range(int((end - start) / step) + 1)]
    return Timeline(
        lanes=tuple(
            Lane(
                job=job,
                due=place(job.tick),
                bars=tuple(bar(*each) for each in _bars(job, view.checked_at)),
            )
            for job in view.jobs
        ),
        marks=tuple(Mark(left=place(moment), label=clock(moment)) for moment in marks),
        rows=tuple(row for job in view.jobs for row in _rows(job, view.checked_at)),
        now=place(view.checked_at) if start <= view.checked_at < end else None,
    )


def _extent(view: NightView, start: datetime) -> tuple[timedelta, datetime]:
    """The distance of the marks, and the end of the picture: after everything that it shows, at most a day later."""
    ends = [_worked_until(run, view.checked_at) for job in view.jobs for run in job.runs]
    ends += [view.checked_at] if any(job.state in ("running", "late") for job in view.jobs) else []
    last = min(max([start + USUAL_END, *(end for end in ends if end)]), start + timedelta(days=1))
    step = next((step for step in STEPS if (last - start) / step <= MOST_STEPS), STEPS[-1])
    return step, start + step * -(-(last - start) // step)


def _bars(job: JobView, now: datetime) -> Iterable[tuple[str, datetime, datetime]]:
    if job.usual_seconds:
        yield "usual", job.tick, job.tick + timedelta(seconds=job.usual_seconds)
    worked = False
    for run in job.runs:
        began, until = run.worked_from, _worked_until(run, now)
        first = min([began, *(start for start, _ in run.attempts)]) if began else None
        if run.started and first and first > run.started:
            yield "waited", run.started, first
        if began is None and run.started and run.state == "running":
            yield "waited", run.started, now
        for start, end in run.attempts:
            yield "retried", start, end
        if began and until:
            worked = True
            kind = {"success": "done", "failed": "failed"}.get(run.state, "running")
            yield kind, began, until
    if not worked and job.state in ("not run", "failed", "late", "paused"):
        yield "missing", job.tick, job.tick


def _worked_until(run: RunView, now: datetime) -> datetime | None:
    """When its work ended, or now; None if it has not worked."""
    if run.worked_from is None:
        return None
    return run.worked_until or run.ended or now


def _rows(job: JobView, now: datetime) -> Iterable[Row]:
    runs: list[RunView | None] = [*job.runs]
    for run in runs or [None]:
        began = run.worked_from if run else None
        until = _worked_until(run, now) if run else None
        is_active = run is not None and run.state in ("queued", "running")
        waited = (began or until or now) - run.started if run and run.started and (began or is_active) else None
        yield Row(
            job=job.name,
            due=job.at,
            began=clock(began),
            waited=duration(waited.total_seconds()) if waited and waited >= timedelta(seconds=10) else NOTHING,
            ended=clock(run.worked_until) if run and began and not is_active else NOTHING,
            took=duration((until - began).total_seconds()) if began and until else NOTHING,
            usual=duration(job.usual_seconds) or NOTHING,
            tries=run.tries if run else 0,
            result=_result(job, run),
        )


def _result(job: JobView, run: RunView | None) -> str:
    if run is None:
        return job.state
    if run.state == "failed" and run.stopped_by:
        return f"not run: {run.stopped_by} was not done"
    return {"success": "done"}.get(run.state, run.state)
