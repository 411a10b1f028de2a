"""Starting a run of a DAG only if none is active: the row of the DAG is locked between the check and the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.exceptions import DagNotFound
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.sdk import timezone
from airflow.utils.state import DagRunState
from sqlalchemy import and_, not_, or_, select

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session


def active(now: datetime) -> ColumnElement[bool]:
    """The condition for a run that is running, or queued and due. now: UTC."""
    return and_(_is_running_or_queued(), not_(_is_in_the_future(now)))


def _is_running_or_queued() -> ColumnElement[bool]:
    return DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING])


def _is_in_the_future(now: datetime) -> ColumnElement[bool]:
    """Airflow calls a run with a later logical date running, but starts none of its tasks before that date."""
    is_queued_for_later = and_(DagRun.state == DagRunState.QUEUED, DagRun.run_after > now)
    return or_(is_queued_for_later, and_(DagRun.logical_date.is_not(None), DagRun.logical_date > now))


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
    """The id of the oldest run of the DAG that is running, or queued and due; None if no run is."""
    runs = select(DagRun.run_id).where(DagRun.dag_id == dag_id, active(timezone.utcnow()))
    return session.scalar(runs.order_by(DagRun.id).limit(1))
