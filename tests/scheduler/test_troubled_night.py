"""A whole night by the clock, with a job that fails, a scheduler that is killed, a repair and a restart."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import psycopg

from local.airflow_api import TaskId
from sync_airflow.dag_ids import RUN_JOB
from sync_jobs.catalogue import JOBS
from tests.scheduler.night import Night, now, this_minute
from tests.scheduler.running_airflow import RunningAirflow
from tests.waiting import wait_for

OWNER, BUILD = "person_owner_rebuild_job", "person_elastic_search_sync_job"
EMPLOYING, TRAINING = "person_placement_employing_body_trust_job", "person_placement_training_body_trust_job"
POST_EMPLOYING, POST_TRAINING = "post_employing_body_trust_job", "post_training_body_trust_job"
BEFORE_THE_BUILD = (OWNER, EMPLOYING, TRAINING, POST_EMPLOYING, POST_TRAINING)
FROM_THE_BUILD_ON = tuple(job.dag_id for job in JOBS if job.dag_id not in BEFORE_THE_BUILD)


@contextmanager
def employing_bodies_cannot_be_written(running: RunningAirflow) -> Iterator[None]:
    with psycopg.connect(running.tcs_dsn, autocommit=True) as tcs:
        tcs.execute("DELETE FROM person_trust")  # so that there is something to write
        tcs.execute("REVOKE INSERT ON person_trust FROM sync_jobs")
        try:
            yield
        finally:
            tcs.execute("GRANT INSERT ON person_trust TO sync_jobs")


def log_of(night: Night, dag_id: str, task_id: str) -> str:
    return "\n".join(str(event) for event in night.api.log(night.task(dag_id, task_id), 1))


def test_a_night_with_a_failure_a_killed_scheduler_a_repair_and_a_restart_follows_the_rules(
    running_airflow: RunningAirflow,
) -> None:
    running = running_airflow
    # A manual run in the minute in which its job is due would count as the scheduled run.
    wait_for("a minute in which no job has begun", lambda: running.last_start(BEFORE_THE_BUILD) < this_minute())
    begin = this_minute()
    first, later = dict.fromkeys(BEFORE_THE_BUILD, begin), FROM_THE_BUILD_ON
    with employing_bodies_cannot_be_written(running):
        with running.table_locked("post_trust"):
            night = running.set_night(first | dict.fromkeys(later, begin.replace(hour=23, minute=59)))
            # The wait for a job that is late takes no worker's slot.
            running.wait_for_task(night.task(POST_TRAINING, f"wait_for_{POST_EMPLOYING}"), "deferred")
        assert night.wait_for_end(BEFORE_THE_BUILD) == {
            OWNER: "success",
            EMPLOYING: "failed",
            TRAINING: "failed",
            POST_EMPLOYING: "success",
            POST_TRAINING: "success",
        }
        running.kill_scheduler()
        night = running.set_night(first | dict.fromkeys(later, this_minute()))
        running.start_scheduler()
        # The runs that were due without a scheduler are created later, and the index build waits for all of them.
        assert night.wait_for_end(later) == dict.fromkeys(later, "success") | {BUILD: "failed"}
        for dag_id in (TRAINING, BUILD):
            log = log_of(night, dag_id, f"wait_for_{EMPLOYING}")
            assert "PersonPlacementEmployingBodyTrustJob failed in the night of" in log

    # Repaired: the operator clears the task that failed first, and the jobs that wait for it run again.
    running.api.clear(night.task(EMPLOYING))
    night.wait_for_end((EMPLOYING, TRAINING, BUILD), ("success",))
    night.assert_order((OWNER, EMPLOYING, TRAINING, POST_EMPLOYING, POST_TRAINING, BUILD))
    assert len(running.live()) == 1

    # The scheduler starts again within the recovery window: all jobs run once more, and none changes anything.
    running.kill_scheduler()
    hour = timedelta(hours=1)
    running.start_scheduler(recovery_window=f"{now() - hour:%H:%M}-{now() + hour:%H:%M}")
    (recovery,) = wait_for("the start of recovery", lambda: running.api.get("/dags/recovery/dagRuns")["dag_runs"])
    assert running.wait_for_end("recovery", recovery["dag_run_id"]) == "success"
    for job in JOBS:
        runs = running.api.runs(job.dag_id, "operator_triggered")
        (run,) = [run for run in runs if datetime.fromisoformat(run["run_after"]) >= begin]
        report = running.api.xcom(TaskId(job.dag_id, run["dag_run_id"], RUN_JOB), "return_value")
        assert (report["added"], report["changed"], report["removed"]) == (0, 0, 0), job.name
        ticks = [run["logical_date"] for run in running.api.runs(job.dag_id, "scheduled")]
        assert sum(datetime.fromisoformat(tick) >= begin for tick in ticks) == 1, job.name
