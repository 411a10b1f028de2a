"""Starts a recovery on the real scheduler, or joins one that is running, and waits for its end.

DAG recovery: one task for each job, with the job's DAG id  ->  a run of that DAG, whose task run_job returns the report
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from local.airflow_api import AirflowApi, Json, TaskId
from sync_airflow.dag_ids import RECOVERY, RUN_JOB
from sync_jobs.catalogue import JOBS, Job, upstream_jobs
from sync_jobs.parameter_names import RUN_DATE

ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
POLL_SECONDS = 1.0  # each poll costs the API server, which also serves the tasks, 50 ms


@dataclass(frozen=True)
class JobResult:
    """The result of one job. report: its report (sync_jobs.report.Report.as_dict), None if it returned none.

    reason: why it did not succeed, one line; log: the path of its log. Both are None after a success.
    """

    job: Job
    state: str
    report: Json | None = None
    reason: str | None = None
    log: Path | None = None


def start_or_join(api: AirflowApi, run_date: date, scheduler_started: datetime) -> tuple[Json, bool]:
    """The run of recovery that is queued or running, else a new one for that date; and whether it is new.

    A run that began before scheduler_started lost its tasks with the earlier scheduler and would fail without a
    reason: it is stopped.
    """
    while run := api.active_run(RECOVERY):
        if datetime.fromisoformat(run["run_after"]) >= scheduler_started:
            return run, False
        end(api, run["dag_run_id"])
    return api.start_run(RECOVERY, {RUN_DATE: run_date.isoformat()}), True


def end(api: AirflowApi, run_id: str) -> None:
    """Stop a recovery: mark its run as failed, and the runs of jobs that it has started."""
    api.fail_run(RECOVERY, run_id)
    for job in JOBS:
        run = api.active_run(job.dag_id)
        if run and run["dag_run_id"].startswith(f"{RECOVERY}__"):
            api.fail_run(job.dag_id, run["dag_run_id"])


def follow(api: AirflowApi, run_id: str, show: Callable[[dict[str, Json]], None]) -> str:
    """Wait for the end of a recovery and return its state. show is called with its tasks, by id, at each poll."""
    while True:
        state: str = api.run(RECOVERY, run_id)["state"]
        show(api.tasks(RECOVERY, run_id))
        if state in ENDED:
            return state
        time.sleep(POLL_SECONDS)


def results(api: AirflowApi, run_id: str, task_logs: Path) -> list[JobResult]:
    """The result of each job, in the order of the table of jobs. task_logs: folder of Airflow's task logs."""
    tasks = api.tasks(RECOVERY, run_id)
    states = {job.dag_id: tasks.get(job.dag_id, {}).get("state") or "not run" for job in JOBS}
    return [_result(api, job, states, TaskId(RECOVERY, run_id, job.dag_id), task_logs) for job in JOBS]


def _result(api: AirflowApi, job: Job, states: dict[str, str], task: TaskId, task_logs: Path) -> JobResult:
    state = states[job.dag_id]
    child_run = api.xcom(task, "trigger_run_id")
    # The job's own task knows the reason of a failure. There is none if the job's DAG was paused, for example.
    place = TaskId(job.dag_id, child_run, RUN_JOB) if child_run else task
    if state == "success":
        return JobResult(job, state, api.xcom(place, "return_value"))
    if state == "skipped":
        failed = " and ".join(other.name for other in upstream_jobs(job) if states[other.dag_id] != "success")
        return JobResult(job, state, None, f"it depends on {failed}, which did not succeed" if failed else None)
    attempt = api.tasks(place.dag_id, place.run_id).get(place.task_id, {}).get("try_number") or 1
    reason = api.xcom(place, "reason") or _first_error(api.log(place, attempt))
    return JobResult(job, state, None, reason.splitlines()[0] if reason else None, _log(task_logs, place, attempt))


def _first_error(events: list[Json]) -> str | None:
    """The exception that a task ended with, else the first error in its log."""
    errors = [event for event in events if event.get("level") in ("error", "critical")]
    for event in errors:
        details: list[dict[str, Any]] = event.get("error_detail") or []
        if details:
            return f"{details[0].get('exc_type')}: {details[0].get('exc_value')}"
    return errors[0]["event"] if errors else None


def _log(task_logs: Path, task: TaskId, attempt: int) -> Path:
    folder = task_logs / f"dag_id={task.dag_id}" / f"run_id={task.run_id}" / f"task_id={task.task_id}"
    return folder / f"attempt={attempt}.log"
