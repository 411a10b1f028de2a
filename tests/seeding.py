"""Writes a history of nights into Airflow's metadata database, as its scheduler would have left it."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow.jobs.job import Job as AirflowJob
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun, DagRunNote
from airflow.models.log import Log
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import delete, select, update

from sync_airflow.dag_ids import RUN_JOB, index_alarm_id
from sync_airflow.night.facts import RECOVERY, ROLLBACK, Facts, RunFact
from sync_airflow.night_reader import COMPONENTS, ROLL_BACK
from sync_airflow.tasks.recovery_summary import SUMMARY
from sync_jobs.catalogue import JOBS
from sync_jobs.index_definitions import INDEX_DEFINITIONS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# The logical date of these runs is their tick; all others are manual runs.
SCHEDULED = "scheduled"

# By default.
ALARM_AT = time(7, 0)


def write_history(session: Session, facts: Facts) -> None:
    """Replace all runs by those of the facts, and set the planned runs and the heartbeats of the components."""
    session.execute(delete(DagRun))
    session.execute(delete(AirflowJob))
    session.execute(delete(Log))
    for number, run in enumerate(facts.runs, start=1):
        _write(session, run, number)
    times = {job.dag_id: job.at for job in JOBS} | {index_alarm_id(each): ALARM_AT for each in INDEX_DEFINITIONS}
    for dag_id, at in times.items():
        tick = facts.now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
        next_tick = tick if tick > facts.now else tick + timedelta(days=1)
        values = {"next_dagrun_create_after": next_tick, "is_paused": False}
        session.execute(update(DagModel).where(DagModel.dag_id == dag_id).values(values))
    session.execute(update(DagModel).values(is_paused=False))
    alive = {component.name for component in facts.components if component.is_healthy}
    for job_type, name in COMPONENTS.items():
        if name in alive:
            values = {"job_type": job_type, "state": "running", "latest_heartbeat": facts.now, "start_date": facts.now}
            session.execute(AirflowJob.__table__.insert().values(values))


def new_runs(session: Session) -> list[dict[str, Any]]:
    """The runs that have been added since."""
    # A run of the history has no version of its DAG.
    rows = session.scalars(select(DagRun).where(DagRun.created_dag_version_id.is_not(None)).order_by(DagRun.id))
    return [
        {"dag_id": run.dag_id, "conf": run.conf, "user": run.triggering_user_name, "note": run.note} for run in rows
    ]


def _write(session: Session, run: RunFact, number: int) -> None:
    is_scheduled = run.started_by == "schedule"
    conf = dict(run.conf)
    if run.run_date and run.run_date != run.own_date:
        conf["run_date"] = run.run_date.isoformat()
    values = {
        "id": number,
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "run_type": SCHEDULED if is_scheduled else "manual",
        "state": run.state,
        "logical_date": run.run_after if is_scheduled else None,
        "run_after": run.run_after,
        "start_date": run.started,
        "end_date": run.ended,
        "queued_at": run.run_after,
        "conf": conf,
        "triggering_user_name": run.user or None,
        "clear_number": run.times_cleared,
        "span_status": "not_started",
    }
    session.execute(DagRun.__table__.insert().values(values))
    if run.note:
        session.execute(DagRunNote.__table__.insert().values(dag_run_id=number, content=run.note))
    working_task = {RECOVERY: SUMMARY, ROLLBACK: ROLL_BACK}.get(run.job, RUN_JOB)
    if run.worked_from:
        _write_task(session, run, working_task, run.state)
    if run.failed_task and run.failed_task != working_task:
        _write_task(session, run, run.failed_task, "failed")
    xcoms = {(working_task, "return_value"): run.report, (run.failed_task or working_task, "reason"): run.reason}
    for (task_id, key), value in xcoms.items():
        if value is not None:
            names = {"dag_id": run.dag_id, "run_id": run.run_id, "task_id": task_id, "map_index": -1}
            xcom = names | {"dag_run_id": number, "key": key, "value": value, "timestamp": run.ended}
            session.execute(XComModel.__table__.insert().values(xcom))


def _write_task(session: Session, run: RunFact, task_id: str, state: str) -> None:
    values = {
        "id": uuid4(),
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "task_id": task_id,
        "map_index": -1,
        "state": state,
        "start_date": run.worked_from,
        "end_date": run.worked_until,
        "try_number": max(run.tries, 1),
        "pool": "-",
        "pool_slots": 1,
    }
    session.execute(TaskInstance.__table__.insert().values(values))
