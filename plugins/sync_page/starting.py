"""Starting a manual run of a job, or of recovery, unless a run is already queued or running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import DagNotFound, ParamValidationError
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType
from fastapi import HTTPException, status

from sync_airflow.restart.exclusive_start import active_run, lock_dag
from sync_jobs.errors import BadArgument
from sync_page.snapshot import forget

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session


class AlreadyRunning(Exception):
    """A run is queued or running; the text is its id."""


def start(dag_id: str, conf: dict[str, Any], user: BaseUser, *, reason: str = "") -> str:
    """Start a run unless one is active, with a note that names the user, and return its id. For one thread of its own.

    Raises AlreadyRunning; HTTPException if the DAG is paused or missing; BadArgument for a conf that its params do not
    allow.
    """
    name = user.get_name()
    try:
        with create_session(scoped=False) as session:
            return _start_once(session, dag_id, conf, name, note=_note(name, reason))
    except DagNotFound as error:
        text = f"{error}: its file is missing or cannot be imported. Nothing was started."
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, text) from error
    finally:
        forget()


def _start_once(session: Session, dag_id: str, conf: dict[str, Any], user_name: str, *, note: str) -> str:
    if lock_dag(session, dag_id).is_paused:  # a run would stay queued until the DAG is unpaused
        text = f"The DAG {dag_id} is paused: unpause it in Airflow, then try again. Nothing was started."
        raise HTTPException(status.HTTP_409_CONFLICT, text)
    active = active_run(session, dag_id)
    if active:
        raise AlreadyRunning(active)
    try:
        run = trigger_dag(
            dag_id,
            conf=conf,
            triggered_by=DagRunTriggeredByType.REST_API,
            triggering_user_name=user_name,
            note=note,
            session=session,
        )
    except ParamValidationError as error:
        raise BadArgument(str(error)) from error
    return cast("DagRun", run).run_id  # Airflow declares None, too, but makes a run or raises an error


def _note(user_name: str, reason: str) -> str:
    return f"Started by {user_name} from /sync/." + (f" Reason: {reason}" if reason else "")
