"""A whole night by the clock, with a job that fails, a scheduler that is killed, a repair and a restart."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg

from local.airflow_api import Json, TaskId
from sync_jobs.catalogue import JOBS
from tests.scheduler.running_airflow import ENDED, RUN_JOB, RunningAirflow, wait_for

OWNER, EMPLOYING, TRAINING, POST_EMPLOYING, POST_TRAINING, BUILD, FUNDING, STATUS = (job.dag_id for job in JOBS)
BEFORE_THE_BUILD = (OWNER, EMPLOYING, TRAINING, POST_EMPLOYING, POST_TRAINING)
LONGEST_NIGHT = timedelta(minutes=10)


def start_of_the_night() -> datetime:
    """This minute. All of a night is on one date, so close to midnight the next day is waited for."""
    until_midnight = "midnight in UTC to be over"
    wait_for(until_midnight, lambda: (now() + LONGEST_NIGHT).date() == now().date(), LONGEST_NIGHT.total_seconds() + 5)
    return now().replace(second=0, microsecond=0)


def now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def employing_bodies_cannot_be_written(running: RunningAirflow) -> Iterator[None]:
    with psycopg.connect(running.tcs_dsn, autocommit=True) as tcs:
        tcs.execute("DELETE FROM person_trust")  # so that there is something to write
        tcs.execute("REVOKE INSERT ON person_trust FROM sync_jobs")
        try:
            yield
        finally:
            tcs.execute("GRANT INSERT ON person_trust TO sync_jobs")


def wait_for_scheduled_run(running: RunningAirflow, dag_id: str) -> Json:
    """The only scheduled run, once it has ended."""

    def ended() -> Json | None:
        runs = running.api.runs(dag_id, "scheduled")
        assert len(runs) <= 1
        return next((run for run in runs if run["state"] in ENDED), None)

    return wait_for(f"the end of the night's run of {dag_id}", ended)


def states(running: RunningAirflow, dag_ids: tuple[str, ...]) -> dict[str, str]:
    return {dag_id: wait_for_scheduled_run(running, dag_id)["state"] for dag_id in dag_ids}


def wait_for_success(running: RunningAirflow, dag_id: str) -> None:
    """Of the night's run, which had failed before it was cleared."""

    def succeeded() -> bool:
        (run,) = running.api.runs(dag_id, "scheduled")
        return bool(run["state"] == "success")

    wait_for(f"the night's run of {dag_id} to succeed", succeeded)


def work(running: RunningAirflow, dag_id: str) -> tuple[datetime, datetime]:
    """When the night's run of that job did its work."""
    (run,) = running.api.runs(dag_id, "scheduled")
    task = running.api.get(TaskId(dag_id, run["dag_run_id"], RUN_JOB).path)
    return datetime.fromisoformat(task["start_date"]), datetime.fromisoformat(task["end_date"])


def log_of(running: RunningAirflow, dag_id: str, task_id: str) -> str:
    (run,) = running.api.runs(dag_id, "scheduled")
    return "\n".join(str(event) for event in running.api.log(TaskId(dag_id, run["dag_run_id"], task_id), 1))


def test_a_night_with_a_failure_a_killed_scheduler_a_repair_and_a_restart_ends_as_the_rules_say(
    running_airflow: RunningAirflow,
) -> None:
    running = running_airflow
    begin = start_of_the_night()
    late = begin.replace(hour=23, minute=59)
    night = {job.dag_id: begin if job.dag_id in BEFORE_THE_BUILD else late for job in JOBS}
    with employing_bodies_cannot_be_written(running):
        running.set_night(night)
        assert states(running, BEFORE_THE_BUILD) == {
            OWNER: "success",
            EMPLOYING: "failed",
            TRAINING: "failed",
            POST_EMPLOYING: "success",
            POST_TRAINING: "success",
        }
        running.kill_scheduler()
        running.set_night(night | dict.fromkeys((BUILD, FUNDING, STATUS), now()))
        running.start_scheduler()
        # What was due while there was no scheduler is made up for, and the index not built on half of the night.
        assert states(running, (BUILD, FUNDING, STATUS)) == {BUILD: "failed", FUNDING: "success", STATUS: "success"}
        for dag_id in (TRAINING, BUILD):
            log = log_of(running, dag_id, f"wait_for_{EMPLOYING}")
            assert "PersonPlacementEmployingBodyTrustJob failed tonight" in log

    # Repaired: the operator clears what failed first, and what waits for it follows.
    (failed,) = running.api.runs(EMPLOYING, "scheduled")
    running.api.clear(TaskId(EMPLOYING, failed["dag_run_id"], RUN_JOB))
    for dag_id in (EMPLOYING, TRAINING, BUILD):
        wait_for_success(running, dag_id)
    assert work(running, OWNER)[1] <= work(running, BUILD)[0]
    assert work(running, EMPLOYING)[1] <= work(running, TRAINING)[0]
    assert work(running, TRAINING)[1] <= work(running, BUILD)[0]
    assert work(running, POST_EMPLOYING)[1] <= work(running, POST_TRAINING)[0]
    assert len(running.live()) == 1

    # The scheduler starts again in the window of the night: all jobs once more, and none finds anything to change.
    running.kill_scheduler()
    hour = timedelta(hours=1)
    running.start_scheduler(recovery_window=f"{now() - hour:%H:%M}-{now() + hour:%H:%M}")
    (recovery,) = wait_for("the start of recovery", lambda: running.api.get("/dags/recovery/dagRuns")["dag_runs"])
    assert running.wait_for_end("recovery", recovery["dag_run_id"]) == "success"
    for job in JOBS:
        (run,) = running.api.runs(job.dag_id, "operator_triggered")
        report = running.api.xcom(TaskId(job.dag_id, run["dag_run_id"], RUN_JOB), "return_value")
        assert (report["added"], report["changed"], report["removed"]) == (0, 0, 0), job.name
        assert len(running.api.runs(job.dag_id, "scheduled")) == 1, job.name
