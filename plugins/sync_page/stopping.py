"""Stopping a run: it is marked as failed, as Airflow's own page does it, and its tasks end within seconds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.core_api.datamodels.dag_run import DagRunMutableStates
from airflow.api_fastapi.core_api.services.public.dag_run import patch_dag_run_note, patch_dag_run_state
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from fastapi import HTTPException, status
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from sync_airflow.dag_ids import RECOVERY
from sync_airflow.night_reader import STOPPED
from sync_airflow.run_ids import child_run_id
from sync_jobs.catalogue import JOBS
from sync_page.snapshot import forget

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from sqlalchemy.orm import Session

ACTIVE = (DagRunState.QUEUED, DagRunState.RUNNING)


class NotRunning(Exception):
    """The run has ended, or no run is active."""


def stop(dag_id: str, run_id: str, user: BaseUser, *, reason: str = "") -> list[str]:
    """Stop a run that is queued or running, and return the ids of all stopped runs. For one thread of its own.

    With a run of recovery also the run of the job that it has started. Each gets a note, and an event in Airflow's
    audit log. Raises NotRunning; HTTPException if Airflow does not know the DAG of the run any more.
    """
    try:
        with create_session(scoped=False) as session:
            if not _stop(session, dag_id, run_id, user, reason):
                raise NotRunning
        stopped = [run_id]
        if dag_id == RECOVERY:  # now it starts no further run
            with create_session(scoped=False) as session:
                stopped += [
                    child.run_id
                    for child in _started_by(session, run_id)
                    if _stop(session, child.dag_id, child.run_id, user, reason)
                ]
        return stopped
    finally:
        forget()


def _stop(session: Session, dag_id: str, run_id: str, user: BaseUser, reason: str) -> bool:
    """Whether it was active."""
    own = (DagRun.dag_id == dag_id, DagRun.run_id == run_id, DagRun.state.in_(ACTIVE))
    locked = session.scalar(select(DagRun.id).where(*own).with_for_update())
    if locked is None:
        return False
    run = session.scalars(select(DagRun).where(DagRun.id == locked).options(joinedload(DagRun.dag_model))).one()
    dag = DBDagBag().get_dag_for_run(run, session=session)
    if dag is None:
        text = f"Airflow does not know the DAG {dag_id}: its file is missing. Nothing was stopped."
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, text)
    name = user.get_name()
    note = f"Stopped by {name} from /sync/." + (f" Reason: {reason}" if reason else "")
    patch_dag_run_note(dag_run=run, note="\n".join(filter(None, (run.note, note))), user=user)
    details = {"reason": reason} if reason else {}
    session.add(
        Log(event=STOPPED, owner=name, owner_display_name=name, dag_id=dag_id, run_id=run_id, extra=json.dumps(details))
    )
    patch_dag_run_state(dag=dag, dag_run=run, state=DagRunMutableStates.FAILED, session=session)
    return True


def _started_by(session: Session, recovery_run_id: str) -> list[Any]:
    """The active runs of jobs that this recovery has started."""
    prefix = child_run_id(RECOVERY, recovery_run_id, 0).removesuffix("0")
    runs = select(DagRun.dag_id, DagRun.run_id).where(
        DagRun.dag_id.in_([job.dag_id for job in JOBS]),
        DagRun.state.in_(ACTIVE),
        DagRun.run_id.startswith(prefix, autoescape=True),
    )
    return list(session.execute(runs))
