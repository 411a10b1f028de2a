"""An Airflow with one worker slot: the effect of `airflow db clean`, recovery, and an API server that starts late."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.airflow import COMPONENTS
from local.processes import Service, stop
from sync_airflow.dag_ids import RECOVERY, RUN_JOB
from sync_jobs.catalogue import JOBS, find_job
from tests.airflow_of_tests import StartedAirflow, airflow_with_demo_data
from tests.scheduler.night import now
from tests.scheduler.past_nights import add_success

DAG_IDS = (RECOVERY, *(job.dag_id for job in JOBS))
FUNDING = find_job("PostFundingStatusSyncJob")
# Longer than a task tries to reach the API server before its attempt is lost.
LATE_SECONDS = 30


@pytest.fixture(scope="module")
def started(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: local_postgres.Postgres,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
) -> Iterator[StartedAirflow]:
    with airflow_with_demo_data(
        tmp_path_factory.mktemp("airflow"),
        postgres_server,
        elasticsearch_server,
        persons=100,
        dag_ids=DAG_IDS,
        more_settings={"AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "2", "AIRFLOW__CORE__PARALLELISM": "1"},
    ) as started:
        yield started


@pytest.fixture(scope="module")
def metadata(started: StartedAirflow) -> Iterator["psycopg.Connection[Any]"]:
    dsn = started.airflow.database.replace("postgresql+psycopg2:", "postgresql:")
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def report_of_a_run(started: StartedAirflow, **conf: Any) -> Any:
    run_id = started.api.start(FUNDING.dag_id, **conf)
    assert started.wait_for_end(FUNDING.dag_id, run_id) == "success"
    entries = f"/dags/{FUNDING.dag_id}/dagRuns/{run_id}/taskInstances/run_job/xcomEntries/return_value"
    return started.api.get(entries, {"deserialize": "true"})["value"]


def clean_metadata(started: StartedAirflow) -> None:
    """Remove all history while Airflow is stopped, then start it again, as an administrator does.

    While Airflow runs, this would also delete the rows of its components, which would then end.
    """
    stop([started.services.pop(component) for component in COMPONENTS], patience=2)
    command = [sys.executable, "-m", "airflow", "db", "clean", "--clean-before-timestamp"]
    command += [datetime.now(UTC).isoformat(), "--yes", "--skip-archive"]
    cleaning = Service("airflow db clean", started.airflow.logs / "airflow-db-clean.log")
    started.run_to_its_end(cleaning.start(command, started.airflow.environment(), started.airflow.home))
    started.start_all(DAG_IDS)


def test_missed_nights_are_covered_after_all_history_was_removed(
    started: StartedAirflow, metadata: "psycopg.Connection[Any]"
) -> None:
    tick = datetime.combine(now().date(), FUNDING.at, UTC)
    # A success of an earlier release: only an asset event knows it.
    add_success(metadata, FUNDING, tick - timedelta(days=4))
    first = (tick.date() - timedelta(days=3)).isoformat()
    assert report_of_a_run(started)["first_date"] == first

    clean_metadata(started)
    report = report_of_a_run(started)
    assert (report["first_date"], report["warning"]) == (first, "")


def test_a_run_without_any_memory_says_so_and_takes_a_first_date(
    started: StartedAirflow, metadata: "psycopg.Connection[Any]"
) -> None:
    metadata.execute("DELETE FROM asset_event")
    metadata.execute("DELETE FROM variable WHERE key LIKE 'nights_done_%'")
    today = now().date()
    first = (today - timedelta(days=5)).isoformat()
    report = report_of_a_run(started)
    assert report["first_date"] == today.isoformat()
    assert report["warning"].startswith("No earlier night of PostFundingStatusSyncJob is known")
    report = report_of_a_run(started, first_date=first)
    assert (report["first_date"], report["warning"]) == (first, "")


def test_recovery_succeeds_with_a_single_worker_slot(started: StartedAirflow) -> None:
    assert started.wait_for_end(RECOVERY, started.api.start(RECOVERY)) == "success"


def test_a_recovery_that_is_planned_for_later_is_not_active(started: StartedAirflow) -> None:
    later = (now() + timedelta(days=40)).isoformat()
    planned = started.api.plan_run(RECOVERY, later)
    assert started.api.active_run(RECOVERY) is None
    run_id = started.api.start(RECOVERY)
    active = started.api.active_run(RECOVERY)
    assert active
    assert active["dag_run_id"] == run_id
    for each in (run_id, planned):
        started.api.set_run_state(RECOVERY, each, "failed")


def test_no_attempt_is_lost_if_the_scheduler_is_started_before_the_api_server(started: StartedAirflow) -> None:
    stop([started.services.pop("scheduler")], patience=10)
    run_id = started.api.start(FUNDING.dag_id)
    stop([started.services.pop("api-server")], patience=10)
    started.start_component("scheduler")
    time.sleep(LATE_SECONDS)
    started.start_component("api-server")
    started.airflow.wait_until_ready(started.services)
    assert started.wait_for_end(FUNDING.dag_id, run_id) == "success"
    tasks = started.api.tasks(FUNDING.dag_id, run_id)
    assert tasks[RUN_JOB]["try_number"] == 1
