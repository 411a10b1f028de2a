"""What the templates need besides the night itself: advice with its actions, the four facts, texts of the jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Any
from urllib.parse import quote

from sync_airflow.night.sentences import RESTORE_FILE, listed
from sync_jobs.catalogue import JOBS
from sync_page.night_view import GuardRailView, IndexView, JobView, NightView, RunView, SearchView
from sync_page.words import (
    STARTED_BY,
    STATES,
    capital,
    changes,
    clock,
    clock_seconds,
    duration,
    jobs,
    london,
    minute,
    named,
    number,
    roughly,
)

# Seconds between two updates of the page: while something runs, and otherwise.
BUSY_SECONDS = 2
IDLE_SECONDS = 15

# What can be wrong with the source of a job that the guard rail has stopped, by the limit that it exceeded.
QUESTIONS = {
    "maximum_removed_percent": "is a table empty or broken",
    "maximum_added_percent": "were rows loaded twice",
    "maximum_changed_percent": "was a column overwritten",
}

# States of a job that need a person. In a narrow window these come first.
NEEDS_ATTENTION = ("failed", "late", "not run", "paused")


@dataclass(frozen=True, kw_only=True)
class Action:
    """A link to a form. path: below the address of the page. about: what a screen reader adds to the label.

    kind: main, danger or nothing.
    """

    label: str
    path: str
    about: str = ""
    kind: str = ""
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to do. text: the cause. followers: names of jobs that did not run because of it. todo: the advice."""

    text: str
    followers: tuple[str, ...] = ()
    todo: str = ""
    log: str | None = None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One of the four facts."""

    id: str
    label: str
    value: str
    notes: tuple[str, ...] = ()
    is_bad: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """The texts of a job. announcement: what a screen reader hears when its state changes."""

    job: JobView
    needs_attention: bool
    symbol: str
    word: str
    text: str
    more: tuple[str, ...]
    announcement: str


def run_path(name: str, query: str = "") -> str:
    """The form that starts this job."""
    return f"run/{quote(name, safe='')}{f'?{query}' if query else ''}"


def stop_path(name: str) -> str:
    """The form that stops this job, or "all"."""
    return f"stop/{quote(name, safe='')}"


def title(view: NightView) -> str:
    """The state in a few words, for the title of the page."""
    words = {"needs you": "Needs you", "nothing ran": "Nothing ran", "rolled back": "Search is rolled back"}
    return words.get(view.verdict, view.verdict.capitalize())


def poll_seconds(view: NightView) -> int:
    """How soon the page should ask again."""
    is_busy = view.running or any(search.build and search.build.is_running for search in view.search)
    return BUSY_SECONDS if is_busy else IDLE_SECONDS


def steps(view: NightView) -> tuple[Step, ...]:
    """What to do, the root causes first; empty if nothing needs a person."""
    if view.verdict == "unknown":
        todo = "Make sure that it runs and accepts connections. The log of Airflow's API server says what it answered."
        return (Step(text="The database of Airflow does not answer.", todo=todo),)
    if not view.is_latest:
        return ()
    found = [_component_step(name) for name in _down(view)]
    for error in dict.fromkeys(search.error for search in view.search if search.error):
        todo = "Make sure that Elasticsearch answers, and that the connection tcs_elasticsearch is right."
        found.append(Step(text=f"{error.rstrip('.')}.", todo=todo))
    if view.verdict == "nothing ran":
        return (*found, _nothing_ran(view))
    by_name = {job.name: job for job in view.jobs}
    found += [_index_step(view, by_name[search.job], search) for search in view.search if _is_stale(search, by_name)]
    roots = [_root_step(view, by_name[root.job], tuple(root.followers)) for root in view.roots]
    missing = _run_missing(view)
    if missing and len(roots) == 1 and not found:
        # One cause: its step has the button that repairs it, beside the dry run.
        return (replace(roots[0], actions=(missing, *roots[0].actions)),)
    return (*found, *roots)


def _is_stale(search: SearchView, by_name: Mapping[str, JobView]) -> bool:
    """Whether the job is done, but the index that it has built is not live."""
    return bool(search.problem) and by_name[search.job].state == "done"


def _index_step(view: NightView, job: JobView, search: SearchView) -> Step:
    return Step(
        text=f"{capital(search.problem)}.",
        todo=f"{job.name} is done, so its index was removed, or another one was put behind the alias. Build a new one.",
        actions=_actions(view, job, ()),
    )


def _down(view: NightView) -> list[str]:
    return [component.name for component in view.components if not component.is_healthy]


def _component_step(name: str) -> Step:
    command = {"scheduler": "scheduler", "DAG processor": "dag-processor", "triggerer": "triggerer"}.get(name, name)
    return Step(text=f"The {name} of Airflow is not running.", todo=f"Start it: airflow {command}.")


def _nothing_ran(view: NightView) -> Step:
    todo = "all jobs: they do the work of this night."
    if _down(view):
        return Step(text="No run of this night has started.", todo=f"After that, run {todo}")
    then = "Then find out why none started: were the servers of Airflow off?"
    return Step(text="No run of this night has started.", todo=f"Run {todo} {then}")


def run_missing(view: NightView, shown: tuple[Step, ...]) -> Action | None:
    """The button below the steps that runs exactly what is missing; None if a step has it.

    shown: steps(view).
    """
    missing = _run_missing(view)
    return None if any(missing in step.actions for step in shown) else missing


def _run_missing(view: NightView) -> Action | None:
    """The one button that runs exactly what is missing; None if nothing is, or the user may not."""
    if not (view.is_latest and view.missing and view.may_run_all) or view.recovery_is_paused:
        return None
    count = len(view.missing)
    what = f"all {count} jobs" if count == len(JOBS) else f"the {count} missing jobs"
    date = "" if view.run_date == view.checked_at.date() else f"run_date={view.run_date}"
    return Action(
        label=f"Run {what if count > 1 else 'the missing job'}…",
        path=run_path("missing", date),
        kind="main",
        id="run-missing",
    )


def _root_step(view: NightView, job: JobView, followers: tuple[str, ...]) -> Step:
    return Step(
        text=_cause(job),
        followers=followers,
        todo=_todo(job),
        log=log_path(job.run) if job.run and (job.run.state == "failed" or job.state == "late") else None,
        actions=_actions(view, job, followers) if job.is_known else (),
    )


def _cause(job: JobView) -> str:
    stop = job.guard_rail
    if stop:
        return (
            f"{job.name} stopped before it wrote anything: it would {would(stop)}, and {number(stop.allowed)} are "
            f"allowed (limit {stop.limit:g} %)."
        )
    why = job.why.rstrip(".")
    if job.state == "failed":
        at = f" at {clock(job.run.worked_until or job.run.ended)}" if job.run else ""
        return f"{job.name} failed{at}: {why}."
    word = {"late": "is late", "paused": "is paused", "not run": "did not run"}.get(job.state, job.state)
    return f"{job.name} {word}: {why}." if why else f"{job.name} {word}."


def would(stop: GuardRailView) -> str:
    """What a run would have done: remove 505,520 of 505,520 in person_trust."""
    numbers = f"{stop.loss} {number(stop.removed)} {stop.preposition} {number(stop.existing)}"
    return f"{numbers} in {stop.what}" if stop.what else numbers


def _todo(job: JobView) -> str:
    if job.guard_rail:
        questions = ", ".join(question for limit, question in QUESTIONS.items() if limit in job.guard_rail.limits)
        text = (
            f"Check its source: {questions}? Repair it, then run the job again. If the numbers are right, allow them "
            "once."
        )
    elif job.advice:
        text = job.advice.todo
    elif not job.is_known:
        text = f"{RESTORE_FILE} Then run it."
    elif job.state == "paused":
        return "Unpause its DAG in Airflow, then run it."
    elif job.blocked_by:
        text = f"Delete the planned run {job.blocked_by} in Airflow, then run the job."
    elif job.state == "failed":
        text = "Read its log, repair what it names, then run it again."
    elif job.state == "late" and job.run:
        text = "Read its log. Wait, or stop it."
    else:
        text = "Run it."
    return f"{text} Before that, unpause its DAG in Airflow." if job.is_paused else text


def _actions(view: NightView, job: JobView, followers: tuple[str, ...]) -> tuple[Action, ...]:
    if job.state == "late" and job.run:
        return (Action(label=f"Stop {job.name}…", path=stop_path(job.name), kind="danger"),) if job.may_stop else ()
    if not job.may_run:
        return ()
    date = "" if view.run_date == view.checked_at.date() else f"run_date={view.run_date}"
    dry = run_path(job.name, f"dry_run=on{date and f'&{date}'}")
    found = [Action(label="Dry run first…", path=dry, about=f" of {job.name}")]
    if _run_missing(view) is None:
        after = f" and {jobs(len(followers))} after it" if followers else ""
        found.insert(0, Action(label=f"Run {job.name}{after}…", path=run_path(job.name, date), kind="main"))
    if job.guard_rail:
        label = f"Allow {number(job.guard_rail.removed)} once…"
        found.append(Action(label=label, path=f"allow/{quote(job.name, safe='')}"))
    return tuple(found)


def log_path(run: RunView) -> str:
    """The log of the task that failed first, in Airflow."""
    return f"{run.path}/tasks/{run.failed_task}" if run.failed_task else run.path


def facts(view: NightView) -> tuple[Fact, ...]:
    """Search as of, running now, next run, checked at."""
    next_run = view.next_run
    if view.verdict == "unknown":
        return (*_search_facts(view), _checked_fact(view))
    return (
        *_search_facts(view),
        _running_fact(view),
        Fact(
            id="next",
            label="Next run",
            value=f"{minute(next_run.at)} UTC" if next_run else "None is planned",
            notes=_filled(london(next_run.at), next_run.job) if next_run else (),
            is_bad=next_run is None,
        ),
        _checked_fact(view),
    )


def _checked_fact(view: NightView) -> Fact:
    return Fact(
        id="checked",
        label="Checked at",
        value=f"{clock_seconds(view.checked_at)} UTC",
        notes=_filled(london(view.checked_at)),
    )


def _search_facts(view: NightView) -> tuple[Fact, ...]:
    if not view.search:
        is_unknown = view.verdict == "unknown"
        notes = (
            "Airflow cannot check your rights without its database."
            if is_unknown
            else "You may not view the job that builds it.",
        )
        return (Fact(id="search", label="Search is as of", value="Not shown", notes=notes),)
    return tuple(_search_fact(view, search) for search in view.search)


def _search_fact(view: NightView, search: SearchView) -> Fact:
    name = named("Search is as of", f"({search.alias})")
    fact_id = named("search", search.alias).replace(" ", "-")
    if search.error:
        return Fact(id=fact_id, label=name, value="Unknown", notes=(search.error,), is_bad=True)
    if search.live is None:
        return Fact(id=fact_id, label=name, value="No index", notes=(f"Search finds no {search.entity}.",), is_bad=True)
    age, limit = search.age_seconds, search.age_limit_seconds
    notes = [f"run date {search.live.run_date}"] if search.live.run_date else []
    notes += [f"{duration(age)} old, limit {duration(limit)}"] if age is not None else []
    return Fact(
        id=fact_id,
        label=name,
        value=f"{minute(search.live.built_at)} UTC" if search.live.built_at else "Unknown",
        notes=_filled(london(search.live.built_at), *notes),
        is_bad=age is None or (age > limit and view.level != "busy"),
    )


def _running_fact(view: NightView) -> Fact:
    if not view.running:
        return Fact(id="running", label="Running now", value="Nothing")
    names = list(dict.fromkeys("All jobs, in order" if run.job == "recovery" else run.job for run in view.running))
    first = min(view.running, key=lambda run: run.started or run.run_after)
    notes = [f"since {clock(first.started or first.run_after)} UTC"]
    for search in view.search:
        build = search.build
        if build and build.is_running and build.percent is not None:
            left = f", about {roughly(build.seconds_left)} left" if build.seconds_left else ""
            notes.append(f"{named('index build', search.alias)} at {build.percent} %{left}")
    return Fact(id="running", label="Running now", value=", ".join(names), notes=tuple(notes))


def built_by(search: SearchView, index: IndexView) -> str:
    """Which code and definition built an index, compared with what runs now."""
    if index.code_version is None and index.definition_version is None:
        return "It does not say which code built it."
    same_definition = index.definition_version == search.definition_version
    if index.code_version is None:
        code = "code that it does not name"
    elif index.code_version == search.code_version:
        code = "the code that runs now"
    else:
        code = f"other code ({index.code_version}) than runs now ({search.code_version})"
    if same_definition:
        return f"Built by {code}, with the same index definition."
    other, own = index.definition_version or "not named", search.definition_version
    return f"Built by {code}, with another index definition ({other}) than runs now ({own})."


def london_note(view: NightView) -> str:
    """How far London's clock is from UTC in the night; empty if it is not."""
    start, noon = (datetime.combine(view.run_date, time(hour), UTC) for hour in (0, 12))
    if london(start) and not london(noon):
        return "In London everything is 1 hour later until 01:00 UTC, when the clocks go back: 00:30 UTC is 01:30."
    if not london(noon):
        return ""
    since = "" if london(start) else " from 01:00 UTC, when the clocks go forward"
    return f"In London everything is 1 hour later{since}: 12:00 UTC is 13:00."


def _filled(*notes: str) -> tuple[str, ...]:
    return tuple(note for note in notes if note)


def row(job: JobView) -> Row:
    """The texts of a job in the night."""
    symbol, word = STATES[job.state]
    text = _text(job)
    return Row(
        job=job,
        needs_attention=job.state in NEEDS_ATTENTION and bool(job.why),
        symbol=symbol,
        word=word,
        text=text,
        more=_more(job),
        announcement=f"{job.name} {_spoken(job)}{f': {text}' if text else ''}",
    )


def _spoken(job: JobView) -> str:
    words = {"done": "finished", "running": "is running", "waiting": "is waiting", "late": "is late"}
    return words.get(job.state, {"not run": "did not run", "paused": "is paused"}.get(job.state, job.state))


def _text(job: JobView) -> str:
    """What it did, or why it did not."""
    report = job.run.report if job.run else None
    if job.state == "done":
        return _done(report) if report else "Done; its report is missing."
    if job.guard_rail:
        stop = job.guard_rail
        return f"Stopped before it wrote: it would {would(stop)}; the limit is {stop.limit:g} %"
    if job.because_of:
        return f"It needs {listed(job.because_of)}"
    if job.state == "running" and job.run:
        return f"Running since {clock(job.run.worked_from or job.run.started)}"
    if job.waits_for and not job.why:
        return f"It waits {job.waits_for}"
    return job.why[:1].upper() + job.why[1:]


def _done(report: Mapping[str, Any]) -> str:
    warning = report.get("warning")
    return f"{changes(report)}. {warning}" if warning else changes(report)


def _left_out(record: Mapping[str, Any]) -> str:
    shown = "search keeps the old document" if record["old_document"] else "not in search"
    return f"Left out: {record['key']}, field {record['field']}, {shown}: {record['reason']}"


def _more(job: JobView) -> tuple[str, ...]:
    """The rest, in the details of a job."""
    found = [f"Writes {job.writes}."]
    if job.then_run:
        found.append(f"Follow-on jobs of a manual run: {', '.join(job.then_run)}.")
    run = job.run
    if run:
        who = f", {run.user}" if run.user else ""
        found.append(
            f"Run {STARTED_BY.get(run.started_by, run.started_by)}{who}, for {run.run_date or 'no valid date'}."
        )
        if run.first_date and run.first_date != run.run_date:
            found.append(f"It covered {run.first_date} to {run.run_date}.")
        if run.date_override:
            found.append(f"Date override: {run.date_override}.")
        if run.worked_from and run.worked_until:
            took = (run.worked_until - run.worked_from).total_seconds()
            found.append(f"{clock(run.worked_from)} to {clock(run.worked_until)} UTC, {duration(took)}.")
        if run.tries > 1:
            found.append(f"{run.tries} attempts.")
        if run.reason:
            found.append(run.reason)
        found.extend(_left_out(record) for record in (run.report or {}).get("left_out_records", ()))
    if job.usual_seconds:
        found.append(f"It usually takes {duration(job.usual_seconds)}.")
    return tuple(found)
