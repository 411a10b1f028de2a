"""Starting a run of a DAG only if none is there: the row of the DAG is locked while one looks and makes the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.exceptions import DagNotFound
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.state import DagRunState
from sqlalchemy import select

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# A condition on runs: not ended.
ACTIVE = DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING])


def lock_dag(session: Session, dag_id: str) -> Any:
    """Lock the DAG's row to the end of the transaction, and return its is_paused and is_stale.

    Whoever else wants to start a run this way waits, and then sees ours. Raises DagNotFound if Airflow does not know
    the DAG, or no longer has its file.
    """
    columns = select(DagModel.is_paused, DagModel.is_stale).where(DagModel.dag_id == dag_id).with_for_update()
    row = session.execute(columns).one_or_none()
    if row is None or row.is_stale:
        raise DagNotFound(f"Airflow does not know the DAG {dag_id}")
    return row


def active_run(session: Session, dag_id: str) -> str | None:
    """The id of the DAG's oldest run that is queued or running; None if there is none."""
    return session.scalar(select(DagRun.run_id).where(DagRun.dag_id == dag_id, ACTIVE).order_by(DagRun.id).limit(1))
