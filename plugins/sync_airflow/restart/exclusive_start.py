"""Starting a run of a DAG only if none is active: the row of the DAG is locked between the check and the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.exceptions import DagNotFound
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.state import DagRunState
from sqlalchemy import select

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# The condition for an active run.
ACTIVE = DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING])


def lock_dag(session: Session, dag_id: str) -> Any:
    """Lock the DAG's row until the end of the transaction, and return its is_paused and is_stale.

    Others that start a run this way wait, and then see this run. Raises DagNotFound if the DAG is unknown or its file
    is gone.
    """
    columns = select(DagModel.is_paused, DagModel.is_stale).where(DagModel.dag_id == dag_id).with_for_update()
    row = session.execute(columns).one_or_none()
    if row is None or row.is_stale:
        raise DagNotFound(f"Unknown DAG {dag_id}")
    return row


def active_run(session: Session, dag_id: str) -> str | None:
    """The id of the oldest queued or running run of the DAG; None if there is none."""
    return session.scalar(select(DagRun.run_id).where(DagRun.dag_id == dag_id, ACTIVE).order_by(DagRun.id).limit(1))
