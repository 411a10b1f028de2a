"""A job that is stopped, by an operator or by its time limit, leaves no session and promotes no index."""

from collections.abc import Callable

import psutil
import pytest

from local.airflow_api import TaskId
from sync_airflow.dag_ids import RUN_JOB
from tests.scheduler.running_airflow import HURRIED_BUILD, RunningAirflow
from tests.waiting import wait_for

BUILD, OWNER = "person_elastic_search_sync_job", "person_owner_rebuild_job"


@pytest.fixture
def live(running_airflow: RunningAirflow) -> set[str]:
    """The index that readers see."""
    if not running_airflow.elasticsearch.indices.exists_alias(name="persons"):
        run_id = running_airflow.api.start(BUILD, run_follow_on_jobs=False)
        assert running_airflow.wait_for_end(BUILD, run_id) == "success"
    return running_airflow.live()


def nothing_is_at_work(running: RunningAirflow) -> bool:
    return not running.sessions()


def mark_task_failed(running: RunningAirflow, task: TaskId) -> None:
    running.api.set_task_state(task, "failed")


def mark_run_failed(running: RunningAirflow, task: TaskId) -> None:
    running.api.set_run_state(task.dag_id, task.run_id, "failed")


def stop_on_the_page(running: RunningAirflow, task: TaskId) -> None:
    running.api._request("PUT", f"/job/{task.dag_id}/stop", base="/sync/api", json={"run_id": task.run_id})


@pytest.mark.parametrize("mark_failed", [mark_task_failed, mark_run_failed, stop_on_the_page])
def test_jobs_that_are_marked_failed_stop_and_a_build_is_not_promoted(
    running_airflow: RunningAirflow, live: set[str], mark_failed: Callable[[RunningAirflow, TaskId], None]
) -> None:
    before = running_airflow.indices()
    with running_airflow.builds_held_up(), running_airflow.table_locked("post"):
        tasks = [TaskId(dag_id, running_airflow.api.start(dag_id), RUN_JOB) for dag_id in (BUILD, OWNER)]
        running_airflow.wait_for_sessions_at_a_lock(len(tasks))
        assert running_airflow.indices() > before
        for task in tasks:
            mark_failed(running_airflow, task)
        # What they wait for is still locked: the statements have ended because they were cancelled.
        wait_for("the end of the jobs' sessions", lambda: nothing_is_at_work(running_airflow))
    for task in tasks:
        assert running_airflow.wait_for_end(task.dag_id, task.run_id) == "failed"
        assert running_airflow.api.get(task.path)["state"] == "failed"
    wait_for("the new index to be gone", lambda: running_airflow.indices() == before)
    assert running_airflow.live() == live


def test_a_running_build_that_is_cleared_starts_again(running_airflow: RunningAirflow, live: set[str]) -> None:
    with running_airflow.builds_held_up():
        task = TaskId(BUILD, running_airflow.api.start(BUILD), RUN_JOB)
        sessions = running_airflow.wait_for_sessions_at_a_lock()
        running_airflow.api.clear(task)
        running_airflow.wait_for_end_of_sessions(sessions)
    assert running_airflow.wait_for_end(BUILD, task.run_id) == "success"
    assert running_airflow.api.get(task.path)["try_number"] >= 2
    assert len(running_airflow.live()) == 1
    assert running_airflow.live() != live


def test_a_build_that_takes_too_long_is_cancelled(running_airflow: RunningAirflow, live: set[str]) -> None:
    before = running_airflow.indices()
    with running_airflow.builds_held_up():
        task = TaskId(HURRIED_BUILD, running_airflow.api.start(HURRIED_BUILD), RUN_JOB)
        running_airflow.wait_for_sessions_at_a_lock()
        assert running_airflow.indices() > before
        assert running_airflow.wait_for_end(HURRIED_BUILD, task.run_id) == "failed"
        wait_for("the end of the job's session", lambda: nothing_is_at_work(running_airflow))
    reason = running_airflow.api.xcom(task, "reason")
    assert reason == "PersonElasticSearchSyncJob exceeded its time limit of 0:00:20"
    assert running_airflow.indices() == before
    assert running_airflow.live() == live


@pytest.mark.usefixtures("live")
def test_a_killed_build_is_retried_and_its_unfinished_index_removed(
    running_airflow: RunningAirflow,
) -> None:
    before = running_airflow.indices()
    with running_airflow.builds_held_up():
        task = TaskId(BUILD, running_airflow.api.start(BUILD), RUN_JOB)
        sessions = running_airflow.wait_for_sessions_at_a_lock()
        orphans = running_airflow.indices() - before
        psutil.Process(running_airflow.api.get(task.path)["pid"]).kill()
        # Nobody closes the connection: PostgreSQL notices that the process is gone.
        running_airflow.wait_for_end_of_sessions(sessions)
    assert running_airflow.wait_for_end(BUILD, task.run_id) == "success"
    assert orphans
    assert not orphans & running_airflow.indices()
    assert len(running_airflow.live()) == 1
