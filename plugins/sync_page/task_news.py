"""What the tasks of runs say: their reports, why they failed, what they wait for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XCOM_RETURN_KEY, XComModel
from airflow.utils.state import DagRunState, State, TaskInstanceState
from sqlalchemy import or_, select, tuple_

from sync_airflow.dag_ids import RUN_JOB
from sync_airflow.night_rules import night_tick
from sync_airflow.tasks.failure import REASON
from sync_airflow.tasks.sensors import wait_task_id
from sync_jobs.catalogue import JOBS

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

# The key of the XCom that holds a report.
REPORT = XCOM_RETURN_KEY

# Task id -> name of the job that the task waits for.
WAITED_FOR = {wait_task_id(job): job.name for job in JOBS}


class TaskNews:
    """What the tasks of these runs say."""

    def __init__(self, session: Session, runs: list[DagRun]) -> None:
        keys = [(run.dag_id, run.run_id) for run in runs]
        self._tasks: dict[tuple[str, str], list[tuple[str, str | None]]] = defaultdict(list)
        for dag_id, run_id, task_id, state in session.execute(_failed_or_unfinished(keys)):
            self._tasks[dag_id, run_id].append((task_id, state))
        self._xcoms = {
            (xcom.dag_id, xcom.run_id, xcom.task_id, xcom.key): XComModel.deserialize_value(xcom)
            for xcom in session.scalars(_xcoms(keys))
        }

    def outcome(self, run: DagRun) -> dict[str, Any]:
        """Of a run that has ended: its report, the first task that failed, and the reason."""
        failed = self._task_ids(run, TaskInstanceState.FAILED)
        report = self._xcoms.get((run.dag_id, run.run_id, RUN_JOB, REPORT))
        return {
            # Anybody with permission to edit XComs may have replaced it.
            "report": report if isinstance(report, dict) else None,
            "failed_task": next(iter(failed), None),
            "reason": self._reason(run, failed),
        }

    def waits(self, run: DagRun) -> str | None:
        """What a running run waits for; None while it works or is queued."""
        if run.state != DagRunState.RUNNING:
            return None
        failed_once = self._task_ids(run, TaskInstanceState.UP_FOR_RETRY)
        if failed_once:
            reason = self._reason(run, failed_once)
            return "for a retry after a failed attempt" + (f": {reason}" if reason else "")
        if night_tick(run) is None:
            return None  # its sensors skip themselves
        names = [WAITED_FOR[task_id] for task_id, _ in self._tasks[run.dag_id, run.run_id] if task_id in WAITED_FOR]
        return f"for the end of {' and '.join(sorted(names))}" if names else None

    def _task_ids(self, run: DagRun, state: TaskInstanceState) -> list[str]:
        return [task_id for task_id, its_state in self._tasks[run.dag_id, run.run_id] if its_state == state]

    def _reason(self, run: DagRun, task_ids: list[str]) -> str | None:
        reasons = (self._xcoms.get((run.dag_id, run.run_id, task_id, REASON)) for task_id in task_ids)
        return next((str(reason) for reason in reasons if reason), None)


def _failed_or_unfinished(keys: list[tuple[str, str]]) -> Select[str, str, str, str | None]:
    """Ordered by their ends: the task that failed first may be the reason why others failed."""
    unfinished = [state for state in State.unfinished if state]
    return (
        select(TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.state)
        .where(
            tuple_(TaskInstance.dag_id, TaskInstance.run_id).in_(keys),
            or_(TaskInstance.state.in_([TaskInstanceState.FAILED, *unfinished]), TaskInstance.state.is_(None)),
        )
        .order_by(TaskInstance.end_date)
    )


def _xcoms(keys: list[tuple[str, str]]) -> Select[XComModel]:
    return select(XComModel).where(
        tuple_(XComModel.dag_id, XComModel.run_id).in_(keys), XComModel.key.in_((REPORT, REASON))
    )
