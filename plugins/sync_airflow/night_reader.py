"""Reads the facts of a verdict from Airflow's metadata database, in a bounded number of queries.

For processes that may use that database: the API server and command lines. Tasks may not.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.jobs.job import Job as AirflowJob
from airflow.jobs.job import JobState, health_check_threshold
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun, DagRunNote
from airflow.models.log import Log
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskinstancehistory import TaskInstanceHistory
from airflow.models.xcom import XCOM_RETURN_KEY, XComModel
from airflow.utils.state import DagRunState, State, TaskInstanceState
from sqlalchemy import func, or_, select

from sync_airflow.dag_ids import ONLY_JOBS, RECOVERY, RUN_JOB, index_alarm_id, index_rollback_id
from sync_airflow.night import facts
from sync_airflow.night.facts import Component, DagFact, EventFact, Facts, RunFact, RunState, StartedBy
from sync_airflow.night_rules import (
    BACKFILL,
    SCHEDULED,
    belongs_to_a_night,
    chosen_date,
    night_tick,
    own_date,
    run_type_of,
)
from sync_airflow.run_ids import first_run_id, started_by_of
from sync_airflow.tasks.failure import REASON
from sync_airflow.tasks.follow_on_jobs import THEN_RUN, cleared_tick
from sync_airflow.tasks.recovery_summary import SUMMARY
from sync_airflow.tasks.sensors import wait_task_id
from sync_jobs.catalogue import JOBS, find_job, jobs_to_run_after, jobs_waiting_for
from sync_jobs.errors import BadArgument
from sync_jobs.index_definitions import INDEX_DEFINITIONS
from sync_jobs.parameter_names import DRY_RUN, FOLLOW_ON

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# How far back runs are read: 14 nights before the latest one, and a later run that covers the oldest.
HISTORY = timedelta(days=16)

# How many changes by people are read, newest first: for "who did what", and to know who has stopped a run.
EVENTS = 200

# The event by which the page notes in Airflow's audit log that somebody has stopped a run.
STOPPED = "sync_stop_run"

# Airflow ends a run in the same second in which it notes the request.
STOP_TAKES = timedelta(seconds=5)

# The tasks that do the work of a DAG. If such a task was skipped in a successful run, another run has done the work.
ROLL_BACK = "roll_back"
LOOK_AT_LIVE_INDEX = "look_at_live_index"
WORKING_TASKS = (RUN_JOB, SUMMARY, ROLL_BACK, LOOK_AT_LIVE_INDEX)

# Task id -> name of the job that the task waits for.
WAITED_FOR = {wait_task_id(job): job.name for job in JOBS}

# DAG id -> what RunFact.job calls it.
DAGS: dict[str, str] = {
    **{job.dag_id: job.name for job in JOBS},
    RECOVERY: facts.RECOVERY,
    **{index_rollback_id(definition): facts.ROLLBACK for definition in INDEX_DEFINITIONS},
    **{index_alarm_id(definition): facts.ALARM for definition in INDEX_DEFINITIONS},
}

# Id of the DAG of an alarm or of a rollback -> alias of its index.
INDEX_OF_DAG = {
    dag_id(definition): definition.alias
    for definition in INDEX_DEFINITIONS
    for dag_id in (index_rollback_id, index_alarm_id)
}

_JOB_NAMES = {job.name for job in JOBS}

# Airflow's job type -> its name for people.
COMPONENTS = {"SchedulerJob": "scheduler", "DagProcessorJob": "DAG processor", "TriggererJob": "triggerer"}

# Events of Airflow's audit log -> what the person did. If the event says to which value something was set, the words
# of that value stand in SET_TO.
EVENTS_IN_WORDS = {
    STOPPED: "stopped",
    "patch_dag": "paused or unpaused",
    "patch_dags": "paused or unpaused",
    "patch_dag_run": "changed a run of",
    "delete_dag_run": "deleted a run of",
    "clear_dag_run": "cleared a run of",
    "post_clear_task_instances": "cleared tasks of",
    "patch_task_instance": "changed a task of",
}
SET_TO = {
    ("patch_dag", "is_paused", True): "paused",
    ("patch_dag", "is_paused", False): "unpaused",
    ("patch_dags", "is_paused", True): "paused",
    ("patch_dags", "is_paused", False): "unpaused",
    ("patch_dag_run", "state", "failed"): "marked as failed a run of",
    ("patch_dag_run", "state", "success"): "marked as successful a run of",
    ("patch_dag_run", "state", "queued"): "queued again a run of",
    ("patch_task_instance", "new_state", "failed"): "marked as failed a task of",
    ("patch_task_instance", "new_state", "success"): "marked as successful a task of",
}


def read_facts(session: Session, now: datetime) -> Facts:
    """Everything but the search indices. now: UTC. Raises SQLAlchemyError.

    Eight queries, however many runs there are.
    """
    rows = session.execute(_runs(now - HISTORY)).all()
    tasks = _Tasks(session, now - HISTORY)
    users = {row.DagRun.run_id: row.DagRun.triggering_user_name for row in rows if row.DagRun.triggering_user_name}
    events = _events(session, now - HISTORY)
    stops = _stops(events)
    runs = tuple(_as_stopped(_run_fact(row, tasks, users), stops) for row in rows)
    return Facts(
        now=now,
        runs=runs,
        events=events,
        dags=_dags(session, runs, now),
        components=_components(session, now),
    )


def _runs(since: datetime) -> Any:
    return (
        select(DagRun, DagRunNote.content)
        .outerjoin(DagRunNote, DagRunNote.dag_run_id == DagRun.id)
        .where(DagRun.dag_id.in_(DAGS), _is_recent(since))
        .order_by(DagRun.id)
    )


def _is_recent(since: datetime) -> Any:
    return or_(DagRun.run_after >= since, DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING]))


class _Tasks:
    """What the tasks of recent runs say: the working ones, those that failed, those that have not ended."""

    def __init__(self, session: Session, since: datetime) -> None:
        self._by_run: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in session.execute(_tasks(since)):
            self._by_run[row.dag_id, row.run_id].append(row)
        self._attempts: dict[tuple[str, str], list[tuple[datetime, datetime]]] = defaultdict(list)
        for row in session.execute(_attempts(since)):
            self._attempts[row.dag_id, row.run_id].append((row.start_date, row.end_date))
        self._xcoms: dict[tuple[str, str, str, str], Any] = {
            (xcom.dag_id, xcom.run_id, xcom.task_id, xcom.key): XComModel.deserialize_value(xcom)
            for xcom in session.execute(_xcoms(since))
        }

    def facts(self, run: DagRun) -> dict[str, Any]:
        """The fields of RunFact that come from the tasks of this run."""
        rows = self._by_run[run.dag_id, run.run_id]
        work = next((row for row in rows if row.task_id in WORKING_TASKS), None)
        failed = [row.task_id for row in rows if row.state == TaskInstanceState.FAILED]
        retrying = [row.task_id for row in rows if row.state == TaskInstanceState.UP_FOR_RETRY]
        first = failed[0] if run.state == DagRunState.FAILED and failed else None
        report = self._report(run)
        return {
            "worked": not (work and work.state == TaskInstanceState.SKIPPED and run.state == DagRunState.SUCCESS),
            "worked_from": work.start_date if work else None,
            "worked_until": work.end_date if work and work.state in State.finished else None,
            "attempts": tuple(self._attempts[run.dag_id, run.run_id]),
            "tries": work.try_number if work else 0,
            "is_retrying": run.state == DagRunState.RUNNING and bool(retrying),
            "waits_for": self._waits(run, rows),
            "failed_task": first,
            "stopped_by": WAITED_FOR.get(first or ""),
            "reason": self._reason(run, [*failed, *retrying]),
            "report": report,
            "first_date": _date((report or {}).get("first_date")),
        }

    def _report(self, run: DagRun) -> Mapping[str, Any] | None:
        for task_id in (RUN_JOB, ROLL_BACK):
            report = self._xcoms.get((run.dag_id, run.run_id, task_id, XCOM_RETURN_KEY))
            if isinstance(report, dict):  # anybody with permission to edit XComs may have replaced it
                return report
        return None

    def _reason(self, run: DagRun, task_ids: list[str]) -> str | None:
        reasons = (self._xcoms.get((run.dag_id, run.run_id, task_id, REASON)) for task_id in task_ids)
        return next((str(reason) for reason in reasons if reason), None)

    @staticmethod
    def _waits(run: DagRun, rows: list[Any]) -> tuple[str, ...]:
        if run.state != DagRunState.RUNNING or night_tick(run) is None:
            return ()  # the sensors of a manual run skip themselves
        open_tasks = [row.task_id for row in rows if row.state is None or row.state in State.unfinished]
        return tuple(sorted(WAITED_FOR[task_id] for task_id in open_tasks if task_id in WAITED_FOR))


def _tasks(since: datetime) -> Any:
    """Ordered by their ends: the task that failed first may be the reason why others failed."""
    unfinished = [state for state in State.unfinished if state]
    return (
        select(
            TaskInstance.dag_id,
            TaskInstance.run_id,
            TaskInstance.task_id,
            TaskInstance.state,
            TaskInstance.start_date,
            TaskInstance.end_date,
            TaskInstance.try_number,
        )
        .join(DagRun, (DagRun.dag_id == TaskInstance.dag_id) & (DagRun.run_id == TaskInstance.run_id))
        .where(
            DagRun.dag_id.in_(DAGS),
            _is_recent(since),
            or_(
                TaskInstance.task_id.in_(WORKING_TASKS),
                TaskInstance.state.in_([TaskInstanceState.FAILED, *unfinished]),
                TaskInstance.state.is_(None),
            ),
        )
        .order_by(TaskInstance.end_date)
    )


def _attempts(since: datetime) -> Any:
    """The attempts of working tasks that have failed and were repeated."""
    history = TaskInstanceHistory
    return (
        select(history.dag_id, history.run_id, history.start_date, history.end_date)
        .join(DagRun, (DagRun.dag_id == history.dag_id) & (DagRun.run_id == history.run_id))
        .where(
            DagRun.dag_id.in_(DAGS),
            _is_recent(since),
            history.task_id.in_(WORKING_TASKS),
            history.state == TaskInstanceState.FAILED,
            history.start_date.is_not(None),
            history.end_date.is_not(None),
        )
        .order_by(history.start_date)
    )


def _xcoms(since: datetime) -> Any:
    return (
        select(XComModel.dag_id, XComModel.run_id, XComModel.task_id, XComModel.key, XComModel.value)
        .join(DagRun, DagRun.id == XComModel.dag_run_id)
        .where(
            DagRun.dag_id.in_(DAGS),
            _is_recent(since),
            or_(
                XComModel.key == REASON,
                (XComModel.key == XCOM_RETURN_KEY) & XComModel.task_id.in_((RUN_JOB, ROLL_BACK)),
            ),
        )
    )


def _run_fact(row: Any, tasks: _Tasks, users: Mapping[str, str]) -> RunFact:
    run, note = row.DagRun, row.content
    given = given_conf(run)
    return RunFact(
        job=DAGS[run.dag_id],
        dag_id=run.dag_id,
        run_id=run.run_id,
        state=cast("RunState", str(run.state)),
        started_by=started_by(run),
        own_date=own_date(run.run_type, run.logical_date, run.run_after),
        run_date=run_date_of(run),
        run_after=max(run.run_after, run.logical_date or run.run_after),
        dry_run=bool(given.get("dry_run")),
        date_override=str(given.get("date_override") or ""),
        started=run.start_date,
        ended=run.end_date,
        times_cleared=run.clear_number or 0,
        then_run=_then_run(run, given),
        only_jobs=_names(given.get(ONLY_JOBS)),
        conf=given,
        user=run.triggering_user_name or users.get(first_run_id(run.run_id), ""),
        note=note or "",
        **tasks.facts(run),
    )


def _then_run(run: DagRun, given: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the jobs that run after this run, if it succeeds (sync_airflow.tasks.follow_on_jobs)."""
    if DAGS[run.dag_id] not in _JOB_NAMES or given.get(DRY_RUN):
        return ()
    job = find_job(run.dag_id)
    if belongs_to_a_night(run_type_of(run)):
        return tuple(other.name for other in jobs_waiting_for(job)) if cleared_tick(run) else ()
    follow = jobs_to_run_after(job) if given.get(FOLLOW_ON, True) else ()
    return _names(given.get(THEN_RUN)) or tuple(other.name for other in follow)


def _names(dag_ids: object) -> tuple[str, ...]:
    """The names of jobs in a run's conf, which may be anything."""
    if not isinstance(dag_ids, list):
        return ()
    return tuple(DAGS[dag_id] for dag_id in dag_ids if isinstance(dag_id, str) and dag_id in DAGS)


def given_conf(run: DagRun) -> dict[str, Any]:
    """The conf of a run. It may be anything: Airflow does not always validate it."""
    return run.conf if isinstance(run.conf, dict) else {}


def run_date_of(run: DagRun) -> date | None:
    """The date that a run is for; None if the given one is not a date."""
    given = given_conf(run).get("run_date")
    if given and not isinstance(given, str):
        return None
    try:
        return chosen_date(given, own_date(run.run_type, run.logical_date, run.run_after))
    except BadArgument:
        return None


def started_by(run: DagRun) -> StartedBy:
    """What started this run, in one word."""
    by_type: dict[str, StartedBy] = {SCHEDULED: "schedule", BACKFILL: "backfill"}
    starter = started_by_of(run.run_id)  # a person can choose an id that looks like one of the schedule's
    return by_type.get(run_type_of(run)) or ("manual" if starter in by_type.values() else starter)


def _date(text: object) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _dags(session: Session, runs: Iterable[RunFact], now: datetime) -> dict[str, DagFact]:
    planned = [run for run in runs if run.is_active and run.run_after > now and run.started_by != "schedule"]
    # Of several runs of a DAG the next one: it comes last here.
    blocking = {run.dag_id: run.run_id for run in sorted(planned, key=lambda run: run.run_after, reverse=True)}
    columns = select(DagModel.dag_id, DagModel.is_paused, DagModel.is_stale, DagModel.next_dagrun_create_after)
    models = {row.dag_id: row for row in session.execute(columns.where(DagModel.dag_id.in_(DAGS)))}
    found = {}
    for dag_id, name in DAGS.items():
        model = models.get(dag_id)
        found[name if name in _JOB_NAMES else dag_id] = DagFact(
            is_known=model is not None and not model.is_stale,
            is_paused=bool(model and model.is_paused),
            next_run=model.next_dagrun_create_after if model else None,
            blocked_by=blocking.get(dag_id),
        )
    return found


def _components(session: Session, now: datetime) -> tuple[Component, ...]:
    """As Airflow's own health check judges them: alive if the newest heartbeat is young enough."""
    newest = (
        select(AirflowJob.job_type, func.max(AirflowJob.latest_heartbeat).label("seen"))
        .where(AirflowJob.job_type.in_(COMPONENTS), AirflowJob.state == JobState.RUNNING)
        .group_by(AirflowJob.job_type)
    )
    seen = {row.job_type: row.seen for row in session.execute(newest)}
    return tuple(_component(job_type, name, seen.get(job_type), now) for job_type, name in COMPONENTS.items())


def _component(job_type: str, name: str, seen: datetime | None, now: datetime) -> Component:
    limit = timedelta(seconds=health_check_threshold(job_type, 0))
    return Component(name=name, is_healthy=seen is not None and now - seen <= limit, seen=seen)


def _events(session: Session, since: datetime) -> tuple[EventFact, ...]:
    newest_first = (
        select(Log.dttm, Log.owner, Log.event, Log.dag_id, Log.run_id, Log.extra)
        .where(Log.dag_id.in_(DAGS), Log.event.in_(EVENTS_IN_WORDS), Log.dttm >= since)
        .order_by(Log.dttm.desc())
        .limit(EVENTS)
    )
    return tuple(
        EventFact(
            moment=row.dttm,
            user=row.owner or "",
            event=row.event,
            what=f"{_deed(row.event, _details(row.extra))} {_name(row.dag_id)}",
            reason=str(_details(row.extra).get("reason") or "") if row.event == STOPPED else "",
            is_stop=row.event == STOPPED or _details(row.extra).get("state") == DagRunState.FAILED,
            is_deletion=row.event == "delete_dag_run",
            marks_success=any(_details(row.extra).get(key) == DagRunState.SUCCESS for key in ("state", "new_state")),
            dag_id=row.dag_id,
            run_id=row.run_id,
        )
        for row in session.execute(newest_first)
    )


def _name(dag_id: str) -> str:
    """What a DAG is called in a sentence: with the alias of its index if there are several."""
    alias = INDEX_OF_DAG.get(dag_id) if len(INDEX_DEFINITIONS) > 1 else None
    return f"{DAGS[dag_id]} of {alias}" if alias else DAGS[dag_id]


def _details(extra: str | None) -> dict[str, Any]:
    try:
        found = json.loads(extra or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _deed(event: str, details: Mapping[str, Any]) -> str:
    for (name, field, value), words in SET_TO.items():
        if (name, value) == (event, details.get(field)):
            return words
    return EVENTS_IN_WORDS[event]


def _stops(events: Iterable[EventFact]) -> dict[tuple[str, str | None], list[EventFact]]:
    """The events that stopped a run, by the DAG and the id of the run."""
    found: dict[tuple[str, str | None], list[EventFact]] = defaultdict(list)
    for event in events:
        if event.is_stop:
            found[event.dag_id, event.run_id].append(event)
    return found


def _as_stopped(run: RunFact, stops: Mapping[tuple[str, str | None], list[EventFact]]) -> RunFact:
    """A run that a person has stopped failed for that reason, although its waits were marked as failed too."""
    ended = run.ended
    if run.state != "failed" or ended is None:
        return run
    for stop in stops.get((run.dag_id, run.run_id), ()):
        if abs(ended - stop.moment) <= STOP_TAKES:
            because = f": {stop.reason}" if stop.reason else ""
            return replace(run, stopped_by=None, reason=f"it was stopped by {stop.user or 'somebody'}{because}")
    return run
