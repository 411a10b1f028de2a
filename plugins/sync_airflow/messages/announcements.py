"""What a run tells the channel: that its job has begun, has ended, or has failed for good.

All but the first are callbacks of Airflow, called when the task's state is known already: nothing waits for them.
A task that is to be tried again, or skips itself, is no news.

A failure is told by the process of its task, which knows the reason, and noted as told. A process that is killed
tells nothing: then the callback of the DAG does, which Airflow calls in its DAG processor when the run has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from sync_airflow.messages import texts
from sync_airflow.messages.slack import send
from sync_jobs.catalogue import JOBS
from sync_jobs.errors import SyncJobError

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Operator

# The errors whose texts are of our own writing: numbers, ids, names of jobs and indices.
OWN_ERRORS = (SyncJobError, AirflowFailException)

OUT_OF_TIME = "it has not ended within its time limit"
KILLED = "it ended without a word, as when its process is killed"

# Key of the XCom by which a task notes that it has told its failure. A task that is run again begins without it.
TOLD = "told"


def announce_start(context: Context, run_date: date) -> None:
    """A job begins its work; told at its first attempt."""
    if is_first_attempt(context):
        run_id, dry_run = context["dag_run"].run_id, context["params"]["dry_run"]
        send(texts.started(context["dag"].dag_display_name, run_date, run_id, dry_run=dry_run))


def announce_success(context: Context) -> None:
    """A job has done its work: its counts, from the report that its task has returned."""
    report = context["ti"].xcom_pull(task_ids=context["task"].task_id)
    send(texts.finished(context["dag"].dag_display_name, report))


def announce_recovery(context: Context) -> None:
    """Recovery has ended, and every job with it. For the task that has found so and returned the run date."""
    run_date = date.fromisoformat(context["ti"].xcom_pull(task_ids=context["task"].task_id))
    send(texts.recovered(run_date, len(JOBS)))


def announce_failure(context: Context) -> None:
    """A task has failed for good, to the whole channel: what failed, why, and where its log is."""
    if not another_tells_it(context):
        context["ti"].xcom_push(key=TOLD, value=True)  # first, since the run may have failed before the message is out
        _send_failure(context, reason_of(context["exception"]))


def announce_untold_failure(context: Context) -> None:
    """A run has failed and none of its tasks has told why: for the DAG's callback."""
    tasks = [task.task_id for task in context["dag"].tasks if announces_failure(task)]
    ti, dag_id, run_id = context["ti"], context["dag"].dag_id, context["run_id"]
    if not any(ti.xcom_pull(task_ids=task_id, dag_id=dag_id, run_id=run_id, key=TOLD) for task_id in tasks):
        _send_failure(context, OUT_OF_TIME if context["reason"] == "timed_out" else KILLED)


def announces_failure(task: Operator) -> bool:
    """Whether a task that fails announces it."""
    callbacks = task.on_failure_callback
    return isinstance(callbacks, Sequence) and announce_failure in callbacks


def is_first_attempt(context: Context) -> bool:
    """Whether this is no repetition by Airflow. A task that somebody has cleared begins anew."""
    return context["ti"].try_number == context["ti"].max_tries - (context["task"].retries or 0) + 1


def another_tells_it(context: Context) -> bool:
    """Whether a task before this one, by name, has failed in the same run: three waits in vain are one failure.

    By name, not by time: of tasks that fail at the same moment exactly one has none before it. Tasks that tell
    nothing do not count.
    """
    task, run_id = context["task"], context["dag_run"].run_id
    telling = (other for other in context["dag"].tasks if announces_failure(other))
    before = [other.task_id for other in telling if other.task_id < task.task_id]
    if not before:
        return False
    states = context["ti"].get_task_states(dag_id=task.dag_id, run_ids=[run_id], task_ids=before)
    return "failed" in states.get(run_id, {}).values()


def reason_of(error: object) -> str:
    """Why a task failed, in words that may leave the house: of an error not of our own, its class alone."""
    if isinstance(error, OWN_ERRORS):
        return str(error)
    if isinstance(error, AirflowTaskTimeout):
        return OUT_OF_TIME
    return f"{type(error).__name__}, see its log"


def _send_failure(context: Context, reason: str) -> None:
    name, task_id = context["dag"].dag_display_name, context["task"].task_id
    send(texts.failed(name, task_id, reason, context["ti"].log_url))
