"""The words of a verdict. All times are UTC; a sentence says so once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from sync_airflow.night_rules import latest_night

if TYPE_CHECKING:
    from sync_airflow.night.facts import EventFact, Facts, RunFact, SearchFact
    from sync_airflow.night.states import JobNight
    from sync_airflow.night.verdict import Night

# What a sentence calls the only search index, or all of several.
SEARCH = "search"

RESTORE_FILE = (
    "Restore its file in the folder of the DAGs, or correct the import error that Airflow's start page shows."
)

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def sentence(night: Night, facts: Facts) -> str:
    """The verdict as one sentence (two at most), with the facts that it rests on."""
    writers = {
        "fine": _fine,
        "repaired": _repaired,
        "rolled back": _rolled_back,
        "needs you": _needs_you,
        "nothing ran": _nothing_ran,
        "late": _late,
        "under way": _under_way,
    }
    return writers[night.verdict](night, facts)


def details(night: Night, facts: Facts) -> tuple[str, ...]:
    """Sentences after the verdict: what is not done and why, and how old the search index is."""
    found = []
    if night.verdict == "fine" and night.warnings and night.done_at:
        found.append(f"All {len(night.jobs)} jobs were done by {_end(night, facts)}{_search_clause(night, facts)}.")
    stuck = [job for job in night.jobs if job.is_stuck]
    if stuck and night.verdict == "needs you":
        found.append(_what_is_missing(stuck))
    if night.problem and stuck and night.verdict == "needs you":
        found.append(_capital(f"{night.problem}."))
    as_of = _as_of(facts)
    if night.is_latest and night.verdict in ("needs you", "nothing ran", "late") and as_of:
        found.append(_capital(f"{as_of}; nothing is half written."))
    found += _what_happens_next(night, facts, as_of) if night.is_latest else []
    if night.verdict in ("needs you", "nothing ran") and not night.is_latest and stuck:
        found.append("A later night has started since. Its runs do the work; do not repeat this night.")
    return tuple(found)


def _what_happens_next(night: Night, facts: Facts, as_of: str) -> list[str]:
    """What a person who has nothing to repair wants to know: what is live, and until when."""
    if night.verdict == "under way" and as_of:
        return [_capital(f"{as_of}.") if night.warnings else f"Nothing to do now; {as_of}."]
    if night.verdict == "rolled back":
        return [_next_build(search, facts) for search in facts.search if search.alias in night.rollbacks]
    if night.verdict == "needs you":
        return [text for search in facts.search if search.error and (text := _last_build(search, facts))]
    return []


def _next_build(search: SearchFact, facts: Facts) -> str:
    """When a build ends a rollback."""
    dag = facts.dag(search.job)
    if dag.is_paused:
        return f"It stays there: {search.job} is paused. Unpause its DAG in Airflow when its source is repaired."
    when = f", at {day_and_time(dag.next_run, facts.now)}" if dag.next_run else ""
    return f"It stays there until the next build{when}. Repair the source first, or pause {search.job} in Airflow."


def _last_build(search: SearchFact, facts: Facts) -> str:
    """What is known of an index whose state Elasticsearch does not say; empty if nothing is."""
    successes = (run.success() for run in facts.runs_of(search.job))
    starts = [success.started for success in successes if success and not success.dry_run]
    if not starts:
        return ""
    return f"{search.job} last built an index at {day_and_time(max(starts), facts.now)}."


def unknown(error: str) -> str:
    """Airflow's database did not answer."""
    return f"It is not known how the night went: {error.rstrip('.')}."


def left_out(job: str, persons: int) -> str:
    """Documents that Elasticsearch refused."""
    who = "1 person is" if persons == 1 else f"{persons:,} persons are"
    return (
        f"{who} missing from search or out of date there: Elasticsearch refused their documents. The report of {job} "
        "lists them with the field to correct."
    )


def marked_as_successful(job: str, event: EventFact) -> str:
    """Somebody has set its run to successful."""
    who = event.user or "somebody"
    return (
        f"{job} counts as done because {who} marked its run as successful at {_time(event.moment)}: it may have "
        "written nothing. To be sure, run it again."
    )


def dag_unknown(job: str) -> str:
    """Airflow has not read the DAG of a job."""
    return f"Airflow does not know the DAG of {job}: it will not run in the next night. {RESTORE_FILE}"


def blocked(job: str, run: RunFact) -> str:
    """Airflow will create no run of the next night."""
    when = f"{day(run.run_after.date())} at {_time(run.run_after)}"
    return (
        f"{job} will not run in the next night: the run {run.run_id}, planned for {when}, blocks it. Delete that run."
    )


def failed_again(job: str, run: RunFact) -> str:
    """A run after the night's work was done."""
    ran = f"{run.user} ran it again" if run.user else "it ran again"
    return f"{job} failed when {ran} at {_time(run.work_ended)}, after its work was done: read the log of that run."


def index_name(search: SearchFact, all_of_them: Sequence[SearchFact]) -> str:
    """What a sentence calls a search index: search, or with its alias if there are several."""
    return SEARCH if len(all_of_them) == 1 else f"the search index {search.alias}"


def search_unknown(name: str, error: str) -> str:
    """Elasticsearch does not say what is live. A clause."""
    return f"the state of {name} is not known: {error.rstrip('.')}"


def alarm_unknown(name: str) -> str:
    """Airflow has not read the DAG of the alarm. name: of the index (index_name), as in the next functions."""
    return f"Airflow does not know the alarm of {name}: its file is missing or cannot be imported."


def alarm_paused(name: str) -> str:
    """Somebody has paused the alarm."""
    return f"The alarm of {name} is paused: it sends no message if {name} is not rebuilt. Unpause its DAG in Airflow."


def alarm_missing(name: str, due: datetime) -> str:
    """The alarm has had no run in this night."""
    return f"The alarm of {name} should have run at {_time(due)} and has not: it would have sent no message."


def alarm_failed(name: str, run: RunFact) -> str:
    """The alarm failed although the index is of this night."""
    reason = run.reason.rstrip(".") if run.reason else "see its log"
    return f"The alarm of {name} failed at {_time(run.work_ended)}, although {name} was rebuilt: {reason}."


def _fine(night: Night, facts: Facts) -> str:
    if night.warnings:
        first = night.warnings[0].partition(": ")[0].rstrip(".")
        return f"{_name(night, facts)} was fine, but {first.replace('The alarm', 'the alarm', 1)}."
    text = f"{_name(night, facts)} was fine. All {len(night.jobs)} jobs were done by {_end(night, facts)}"
    return f"{text}{_search_clause(night, facts)}."


def _repaired(night: Night, facts: Facts) -> str:
    repaired = [job for job in night.jobs if job.is_repaired]
    count, failed = len(repaired), any(job.failures for job in repaired)
    what = _what_was_repaired(repaired) if failed or count < len(night.jobs) else "no job ran at its time"
    them = {1: "it", 2: "both"}.get(count, f"all {count}")
    deed = f"{_who_repaired(repaired)} {'repaired' if failed else 'ran'} {them}"
    end = f"{_end(night, facts)}{_search_clause(night, facts)}"
    return f"{_now_or_night(night, facts)}: {what}, but {deed} by {end}."


def _what_was_repaired(repaired: list[JobNight]) -> str:
    """One job failed at 00:09 and two did not run because of it, as a clause."""
    own = {job.job.name: run for job in repaired for run in reversed(job.failures) if run.stopped_by is None}
    followers = sum(bool(job.failures) and job.job.name not in own for job in repaired)
    late = sum(not job.failures for job in repaired)
    parts = []
    if own:
        first = min(run.work_ended or run.run_after for run in own.values())
        parts.append(f"{_count(len(own), 'job')} failed at {_time(first)}")
    if followers:
        why = "because of it" if len(own) == 1 else "because another was not done"
        parts.append(f"{_some(followers, first=not parts)} did not run {why}")
    if late:
        parts.append(f"{_some(late, first=not parts)} did not run at {'its' if late == 1 else 'their'} time")
    return listed(parts)


def _who_repaired(repaired: list[JobNight]) -> str:
    runs = [job.run for job in repaired if job.run]
    names = {run.user or ("recovery" if run.started_by in ("recovery", "restart") else "a later run") for run in runs}
    return listed(sorted(names))


def _rolled_back(night: Night, facts: Facts) -> str:
    rolled_back = [
        f"{index_name(each, facts.search)} was rolled back{_target(each, facts)}{_rolled_back_by(each, night)}"
        for each in facts.search
        if each.alias in night.rollbacks
    ]
    return f"All {len(night.jobs)} jobs are done, but {', and '.join(rolled_back)}."


def _target(search: SearchFact, facts: Facts) -> str:
    live = search.live
    return f" to {day_and_time(live.built_at, facts.now)}" if live and live.built_at else ""


def _rolled_back_by(search: SearchFact, night: Night) -> str:
    run = night.rollbacks[search.alias]
    return f" by {run.user}" if run and run.user else ""


def _needs_you(night: Night, facts: Facts) -> str:
    if all(job.is_done for job in night.jobs):
        return f"{_name(night, facts)} needs you: all {len(night.jobs)} jobs are done, but {night.problem}."
    if not any(job.is_stuck for job in night.jobs):
        return f"The night needs you: {night.problem}, and {_open(night)}."
    verb = "needs you" if night.is_latest else "was not complete"
    return f"{_name(night, facts)} {verb}: {_open(night)}."


def _open(night: Night) -> str:
    count = sum(not job.is_done for job in night.jobs)
    return f"{count} of {len(night.jobs)} jobs {'is' if count == 1 else 'are'} not done"


def _nothing_ran(night: Night, facts: Facts) -> str:
    when = "last night" if _is_last(night, facts) else f"in the night of {day(night.run_date)}"
    is_known = any(component.name == "scheduler" for component in facts.components)
    question = "Airflow's scheduler is running now." if is_known else "Is the scheduler running?"
    question = f"{_capital(night.problem)}." if night.problem else question
    return f"No job ran {when}. {question}" if night.is_latest else f"No job ran {when}."


def _late(night: Night, _: Facts) -> str:
    late = [job for job in night.jobs if job.state == "late"]
    first, more = late[0], len(late) - 1
    if first.run is None:
        text = f"{first.job.name} should have started at {first.job.at:%H:%M} and has not"
        if not first.why.startswith("it should have started"):
            text += f": {first.why}"
    else:
        usual = f" (it usually takes {duration(first.usual)})" if first.usual else ""
        text = f"{first.job.name} is late: {first.why}{usual}"
    others = f" {_capital(_count(more, 'other job'))} {'is' if more == 1 else 'are'} late too." if more else ""
    return f"{text}.{others}" + (f" {_capital(night.problem)}." if night.problem else "")


def _under_way(night: Night, facts: Facts) -> str:
    done = sum(job.is_done for job in night.jobs)
    text = f"The night is under way: {done} of {len(night.jobs)} done"
    working = [job for job in night.jobs if job.state == "running"]
    return f"{text}, {_working(working[0], facts)}." if working else f"{text}{_next(night)}."


def _working(job: JobNight, facts: Facts) -> str:
    build = next((each.build for each in facts.search if each.job == job.job.name), None)
    if build and build.is_running is not False and build.percent is not None:
        left = build.seconds_left
        return f"{job.job.name} at {build.percent} %" + (
            f", about {duration(timedelta(seconds=left))} left" if left else ""
        )
    return f"{job.job.name} is running"


def _next(night: Night) -> str:
    waiting = next((job for job in night.jobs if job.state == "waiting"), None)
    return f", {waiting.job.name} waits {waiting.waits_for}" if waiting else ""


def _what_is_missing(stuck: list[JobNight]) -> str:
    """One job failed, and two did not run because of it."""
    failed = sum(job.state == "failed" for job in stuck)
    paused = sum(job.state == "paused" for job in stuck)
    followers = sum(job.state == "not run" and bool(job.because_of) for job in stuck)
    alone = sum(job.state == "not run" and not job.because_of for job in stuck)
    causes = [(failed, "failed"), (alone, "did not run"), (paused, "is paused" if paused == 1 else "are paused")]
    parts: list[str] = []
    for count, verb in causes:
        parts += [f"{_some(count, first=not parts)} {verb}"] if count else []
    if followers:
        more = " more" if alone else ""
        why = {0: "another is not done", 1: "of it"}.get(failed + paused + alone, "of that")
        parts.append(f"{_some(followers, first=not parts)}{more} did not run because {why}")
    return f"{_capital(', and '.join([', '.join(parts[:-1]), parts[-1]]) if parts[1:] else parts[0])}."


def _search_clause(night: Night, facts: Facts) -> str:
    as_of = _as_of(facts) if night.run_date == latest_night(facts.now) else ""
    return f"; {as_of}" if as_of else ""


def _as_of(facts: Facts) -> str:
    """How old search is, as a clause: of several indices the oldest. Empty if that is not known."""
    built = {each.alias: each.live.built_at for each in facts.search if each.live and each.live.built_at}
    if not built or len(built) < len(facts.search):
        return ""
    alias, moment = min(built.items(), key=lambda each: each[1])
    of_oldest = day_and_time(moment, facts.now)
    if all(day_and_time(other, facts.now) == of_oldest for other in built.values()):
        return f"{SEARCH} is as of {of_oldest}"
    return f"the oldest search index, {alias}, is as of {of_oldest}"


def _now_or_night(night: Night, facts: Facts) -> str:
    return "Fine now" if night.is_latest else f"{_name(night, facts)} was repaired"


def _name(night: Night, facts: Facts) -> str:
    if not _is_last(night, facts):
        return f"The night of {day(night.run_date)}"
    return "Last night"


def _is_last(night: Night, facts: Facts) -> bool:
    return night.run_date == latest_night(facts.now)


def _end(night: Night, facts: Facts) -> str:
    """When the last job was done; with its date if that is not the date of the night, or not today."""
    if night.done_at is None:
        return "now"
    when, done_on = f"{_time(night.done_at)} UTC", night.done_at.date()
    is_clear = done_on == night.run_date and (not _is_last(night, facts) or done_on == facts.now.date())
    return when if is_clear else f"{when} on {day(done_on)}"


def _count(number: int, noun: str) -> str:
    return f"{_number(number)} {noun}{'' if number == 1 else 's'}"


def _some(number: int, *, first: bool) -> str:
    """A number of jobs: with the noun if it is the first of a sentence."""
    return _count(number, "job") if first else _number(number)


def _number(number: int) -> str:
    return _NUMBERS[number] if number < len(_NUMBERS) else f"{number:,}"


def listed(names: Sequence[str]) -> str:
    """A, B and C."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _time(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%H:%M") if moment else "an unknown time"


def day(when: date) -> str:
    """Thu 2026-11-26."""
    return f"{when:%a} {when.isoformat()}"


def day_and_time(moment: datetime, now: datetime) -> str:
    """01:29 today, 01:29 tomorrow, 01:29 yesterday, 01:29 on Thu 2026-11-26."""
    moment, today = moment.astimezone(UTC), now.astimezone(UTC).date()
    days = (today - moment.date()).days
    names = {-1: "tomorrow", 0: "today", 1: "yesterday"}
    return f"{moment:%H:%M} {names.get(days) or f'on {day(moment.date())}'}"


def duration(time: timedelta | None) -> str:
    """20 s, 4 min, 2 h 5 min."""
    seconds = round(time.total_seconds()) if time else 0
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"
