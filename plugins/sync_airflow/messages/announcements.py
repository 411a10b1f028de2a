"""Messages to the channel about a run: its job has started, has finished, or has failed for good.

Those about an end are Airflow callbacks, called when the state of the task is already set, so nothing waits for them. A
task that will be retried, or that skips itself, sends no message.

The process of a failed task sends the message, because it knows the reason, and leaves a mark (REPORTED). A process
that was killed can do neither. Then the callback of the DAG sends the message; Airflow calls it in the DAG processor
once the run has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from sync_airflow.attempts import is_first_attempt
from sync_airflow.dag_ids import ONLY_JOBS
from sync_airflow.messages import texts
from sync_airflow.messages.sending import send
from sync_jobs.catalogue import JOBS
from sync_jobs.errors import SyncJobError
from sync_jobs.parameter_names import DRY_RUN

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Operator

# Errors whose texts this project writes: numbers, ids, names of jobs and indices.
OWN_ERRORS = (SyncJobError, AirflowFailException)

OUT_OF_TIME = "it exceeded its time limit"
KILLED = "it stopped without reporting a reason (was the process killed?)"

# Key of the XCom by which a task marks its failure as reported. Airflow deletes it when the task runs again.
REPORTED = "reported"

# Key of the XCom with the verdict on the night, of the summary of recovery.
VERDICT = "verdict"


def announce_start(context: Context, run_date: date) -> None:
    """A job starts its work. Only the first attempt sends a message."""
    if is_first_attempt(context):
        run_id, dry_run = context["dag_run"].run_id, context["params"][DRY_RUN]
        send(texts.started(context["dag"].dag_display_name, run_date, run_id, dry_run=dry_run))


def announce_missing_run(context: Context, tick: datetime, replacement: str) -> None:
    """The scheduled run of that tick is missing, because this run has its logical date. replacement: a run id."""
    if is_first_attempt(context):
        name, run_id = context["dag"].dag_display_name, context["dag_run"].run_id
        send(texts.missing(name, f"{tick:%Y-%m-%d %H:%M} UTC", run_id, replacement))


def announce_success(context: Context) -> None:
    """A job has finished: its counts, from the report that its task returned."""
    report = context["ti"].xcom_pull(task_ids=context["task"].task_id)
    send(texts.finished(context["dag"].dag_display_name, report))


def announce_recovery(context: Context) -> None:
    """Recovery has finished, and every job succeeded. For the task that returns the run date and notes the verdict."""
    task_id = context["task"].task_id
    run_date = date.fromisoformat(context["ti"].xcom_pull(task_ids=task_id))
    verdict = context["ti"].xcom_pull(task_ids=task_id, key=VERDICT)
    wanted = (context["dag_run"].conf or {}).get(ONLY_JOBS) or JOBS
    send(texts.recovered(run_date, len(wanted), verdict or ""))


def announce_failure(context: Context) -> None:
    """A task has failed for good: what failed, why, and where its log is. Notifies the whole channel."""
    if not another_task_reports(context):
        # First the mark: the run may be set to failed before the message is sent.
        context["ti"].xcom_push(key=REPORTED, value=True)
        _send_failure(context, reason_of(context["exception"]))


def announce_unreported_failure(context: Context) -> None:
    """A run has failed and none of its tasks has reported it. The callback of every DAG."""
    tasks = [task.task_id for task in context["dag"].tasks if announces_failure(task)]
    ti, dag_id, run_id = context["ti"], context["dag"].dag_id, context["run_id"]
    if not any(ti.xcom_pull(task_ids=task_id, dag_id=dag_id, run_id=run_id, key=REPORTED) for task_id in tasks):
        _send_failure(context, OUT_OF_TIME if context["reason"] == "timed_out" else KILLED)


def announces_failure(task: Operator) -> bool:
    """Whether a task that fails announces it."""
    callbacks = task.on_failure_callback
    return isinstance(callbacks, Sequence) and announce_failure in callbacks


def another_task_reports(context: Context) -> bool:
    """Whether an alphabetically earlier task has failed in the same run: three failed sensors are one failure.

    The order is by name, not by time: if tasks fail at the same moment, exactly one of them has no earlier one. Tasks
    that announce nothing do not count.
    """
    task, run_id = context["task"], context["dag_run"].run_id
    announcing = (other for other in context["dag"].tasks if announces_failure(other))
    earlier = [other.task_id for other in announcing if other.task_id < task.task_id]
    if not earlier:
        return False
    states = context["ti"].get_task_states(dag_id=task.dag_id, run_ids=[run_id], task_ids=earlier)
    return "failed" in states.get(run_id, {}).values()


def reason_of(error: object) -> str:
    """Why a task failed, without personal data: for an error that is not our own, only its class."""
    if isinstance(error, OWN_ERRORS):
        return str(error)
    if isinstance(error, AirflowTaskTimeout):
        return OUT_OF_TIME
    return f"{type(error).__name__}, see its log"


def _send_failure(context: Context, reason: str) -> None:
    name, task_id = context["dag"].dag_display_name, context["task"].task_id
    send(texts.failed(name, task_id, reason, context["ti"].log_url))
