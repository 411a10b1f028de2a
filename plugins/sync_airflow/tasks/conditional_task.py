"""Tasks after a job that rarely have work: the job's task skips them, so that no process starts for them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import DownstreamTasksSkipped

if TYPE_CHECKING:
    from airflow.sdk import Context


class ConditionalTask(BaseOperator):
    """A task that the task before it can skip."""

    @abstractmethod
    def has_work(self, context: Context) -> bool:
        """Whether this task has anything to do in that run."""


def skip_tasks_without_work(task: BaseOperator, context: Context, result: object) -> None:
    """Skip the conditional tasks directly after this one that have no work. Call it as the last step of a task.

    result: what the task returns. Raises DownstreamTasksSkipped if there is any task to skip: for Airflow the task has
    then succeeded.
    """
    idle = [
        after.task_id
        for after in task.downstream_list
        if isinstance(after, ConditionalTask) and not after.has_work(context)
    ]
    if idle:
        # Airflow stores what a task returns, but not if it raises.
        context["ti"].xcom_push(key="return_value", value=result)
        raise DownstreamTasksSkipped(tasks=idle)
