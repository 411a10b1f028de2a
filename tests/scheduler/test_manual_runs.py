"""Manual runs: their follow-on jobs, one run at a time, and which failures are retried."""

import subprocess
from datetime import datetime
from functools import partial
from pathlib import Path

from local.airflow_api import TaskId
from sync_airflow.dag_ids import RUN_JOB
from tests.scheduler.running_airflow import RunningAirflow
from tests.waiting import wait_for

OWNER, BUILD, STATUS = "person_owner_rebuild_job", "person_elastic_search_sync_job", "person_record_status_job"
EMPLOYING, TRAINING = "person_placement_employing_body_trust_job", "person_placement_training_body_trust_job"


def test_a_run_from_the_command_line_starts_its_follow_on_jobs_each_once_and_in_order(
    running_airflow: RunningAirflow, tmp_path: Path
) -> None:
    airflow = tmp_path / "airflow"
    running_airflow.airflow.write_command(airflow)
    chain = (EMPLOYING, TRAINING, BUILD)
    before = {dag_id: running_airflow.api.run_ids(dag_id) for dag_id in chain}
    for run_id, conf in (
        ("dry", '{"dry_run": true}'),
        ("real", '{"run_date": "2026-03-10", "confirm_run_date": true}'),
    ):
        subprocess.run([airflow, "dags", "trigger", EMPLOYING, "--run-id", run_id, "--conf", conf], check=True)
        assert running_airflow.wait_for_end(EMPLOYING, run_id) == "success"

    def new_runs(dag_id: str) -> set[str]:
        return running_airflow.api.run_ids(dag_id) - before[dag_id]

    runs = {}
    for dag_id in chain:
        *_, run_id = sorted(wait_for(f"a run of {dag_id}", partial(new_runs, dag_id)) - {"dry"})
        assert running_airflow.wait_for_end(dag_id, run_id) == "success"
        runs[dag_id] = TaskId(dag_id, run_id, RUN_JOB)
    # Each ran once, and no job followed the dry run.
    assert [len(new_runs(dag_id)) for dag_id in chain] == [2, 1, 1]
    assert {running_airflow.api.xcom(task, "return_value")["run_date"] for task in runs.values()} == {"2026-03-10"}
    starts = [running_airflow.api.get(task.path)["start_date"] for task in runs.values()]
    assert starts == sorted(starts)


def test_a_second_run_is_queued_while_the_first_is_running(running_airflow: RunningAirflow) -> None:
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


def test_a_lost_connection_is_retried_by_airflow(running_airflow: RunningAirflow) -> None:
    with running_airflow.table_locked("person"):
        task = TaskId(OWNER, running_airflow.api.start(OWNER, run_follow_on_jobs=False), RUN_JOB)
        running_airflow.wait_for_sessions_at_a_lock()
        running_airflow.end_sessions()
        running_airflow.wait_for_task(task, "up_for_retry")
        assert running_airflow.api.xcom(task, "reason").startswith("PostgreSQL: ")
    assert running_airflow.wait_for_end(OWNER, task.run_id) == "success"
    assert running_airflow.api.get(task.path)["try_number"] == 2


def test_a_permanent_error_is_not_retried_by_airflow(running_airflow: RunningAirflow) -> None:
    task = TaskId(STATUS, running_airflow.api.start(STATUS, date_override="2023-02-30"), RUN_JOB)
    assert running_airflow.wait_for_end(STATUS, task.run_id) == "failed"
    assert running_airflow.api.xcom(task, "reason") == "The date is not correct: 2023-02-30"
    assert running_airflow.api.get(task.path)["try_number"] == 1
