"""Runs by hand: one at a time, tried again or not."""

from datetime import datetime

from local.airflow_api import TaskId
from tests.scheduler.night import RUN_JOB
from tests.scheduler.running_airflow import RunningAirflow

OWNER = "person_owner_rebuild_job"
STATUS = "person_record_status_job"


def test_a_second_run_is_queued_while_the_first_is_at_work(running_airflow: RunningAirflow) -> None:
    api = running_airflow.api
    with running_airflow.table_locked("person"):
        first = api.start(OWNER, run_follow_on_jobs=False)
        running_airflow.wait_for_sessions_at_a_lock()
        second = api.start(OWNER, run_follow_on_jobs=False)
        # Later runs of other jobs come and go meanwhile; this one keeps waiting.
        other = api.start("post_training_body_trust_job")
        assert running_airflow.wait_for_end("post_training_body_trust_job", other) == "success"
        assert running_airflow.state(OWNER, second) == "queued"
    assert running_airflow.wait_for_end(OWNER, first) == "success"
    assert running_airflow.wait_for_end(OWNER, second) == "success"
    ended, started = api.run(OWNER, first)["end_date"], api.run(OWNER, second)["start_date"]
    assert datetime.fromisoformat(ended) <= datetime.fromisoformat(started)


def test_a_lost_connection_is_tried_again(running_airflow: RunningAirflow) -> None:
    with running_airflow.table_locked("person"):
        task = TaskId(OWNER, running_airflow.api.start(OWNER, run_follow_on_jobs=False), RUN_JOB)
        running_airflow.wait_for_sessions_at_a_lock()
        running_airflow.end_sessions()
        running_airflow.wait_for_task(task, "up_for_retry")
        assert running_airflow.api.xcom(task, "reason").startswith("PostgreSQL: ")
    assert running_airflow.wait_for_end(OWNER, task.run_id) == "success"
    assert running_airflow.api.get(task.path)["try_number"] == 2


def test_a_mistake_is_not_tried_again(running_airflow: RunningAirflow) -> None:
    task = TaskId(STATUS, running_airflow.api.start(STATUS, date_override="2023-02-30"), RUN_JOB)
    assert running_airflow.wait_for_end(STATUS, task.run_id) == "failed"
    assert running_airflow.api.xcom(task, "reason") == "The date is not correct: 2023-02-30"
    assert running_airflow.api.get(task.path)["try_number"] == 1
