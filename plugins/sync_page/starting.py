"""Starting a manual run of a job, or of recovery, unless a run is already queued or running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import ParamValidationError
from airflow.utils.types import DagRunTriggeredByType

from sync_airflow.restart.exclusive_start import active_run, lock_dag
from sync_jobs.errors import BadArgument

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session


class AlreadyRunning(Exception):
    """A run is queued or running; the text is its id."""


class Paused(Exception):
    """The DAG is paused: a run would stay queued until the DAG is unpaused."""


def start_once(session: Session, dag_id: str, conf: dict[str, Any], user_name: str, *, note: str) -> str:
    """Create a run of the DAG, with a note, and return its id.

    Raises AlreadyRunning, Paused, DagNotFound, or BadArgument for a conf that the DAG's params do not allow.
    """
    if lock_dag(session, dag_id).is_paused:
        raise Paused
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


def note_of(user_name: str, reason: str = "") -> str:
    """The note on a run that somebody starts from the page."""
    return f"Started by {user_name} from /sync/." + (f" Reason: {reason}" if reason else "")
