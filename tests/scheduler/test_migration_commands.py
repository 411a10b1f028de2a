"""Every command of docs/migration.md, one after the other, on a real Airflow and on what the running service leaves."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from elasticsearch import Elasticsearch

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.airflow import COMPONENTS
from local.demo_data import load_demo_data
from sync_jobs.catalogue import JOBS, find_job, index_build_before, upstream_jobs
from sync_jobs.search.index_alias import find_indices
from tests.airflow_of_tests import StartedAirflow, airflow_of_tests, new_databases
from tests.comparison import ALIAS
from tests.conftest import delete_indices
from tests.running_service import RunningService
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/migration.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
DAG_IDS = (*(job.dag_id for job in JOBS), "recovery", "persons_index_alarm", "persons_index_rollback")
BUILD, ROLLBACK, OWNER = "person_elastic_search_sync_job", "persons_index_rollback", "person_owner_rebuild_job"
PERSONS = 100
# Exit codes of the commands.
EQUAL, DIFFERENT, FAILED = 0, 1, 2


def test_no_job_is_switched_before_a_job_that_it_waits_for() -> None:
    rows = re.findall(r"^\| \d \|.*\|(.*)\|$", PAGE, re.MULTILINE)
    switched: list[str] = []
    for row in rows:
        dag_ids = re.findall(r"`(\w+)`", row)
        switched += dag_ids
        for job in map(find_job, dag_ids):
            build = index_build_before(job)
            awaited = [*upstream_jobs(job), *([build] if build else [])]
            assert {other.dag_id for other in awaited} <= set(switched)
    assert sorted(switched) == sorted(job.dag_id for job in JOBS)


@pytest.fixture(scope="module")
def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: local_postgres.Postgres,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
    today: date,
) -> Iterator[StartedAirflow]:
    """Without connections in the environment, and with all DAGs paused. The database has no set-up yet."""
    folder = tmp_path_factory.mktemp("migration")
    with new_databases(postgres_server, "UTC") as databases:
        started = StartedAirflow(
            airflow=airflow_of_tests(
                folder, postgres_server, elasticsearch_server, databases, zone="UTC", more_settings={}
            ),
            tcs_dsn=postgres_server.dsn("tcs", databases.tcs),
        )
        with (
            psycopg.connect(started.tcs_dsn, autocommit=True) as tcs,
            Elasticsearch(elasticsearch_server.url) as client,
        ):
            load_demo_data(tcs, PERSONS, today)
            for (index,) in tcs.execute("SELECT indexname FROM pg_indexes WHERE indexname ~ '_(id|uuid|date)$'"):
                tcs.execute(f"DROP INDEX {index}")
            tcs.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM sync_jobs; DROP TABLE post_trust")
            tcs.execute((ROOT / "include/sql/setup/job_tables.sql").read_text(encoding="utf-8").encode())
            delete_indices(client)
            RunningService(tcs, client).run_night(today)
        try:
            connections = {
                "tcs_postgres": postgres_server.dsn("sync_jobs", databases.tcs),
                "tcs_elasticsearch": elasticsearch_server.url,
            }
            (folder / "connections.json").write_text(json.dumps(connections), encoding="utf-8")
            commands = f"airflow connections import --overwrite {folder}/connections.json"
            assert run(started, commands, today)[0] == 0
            for component in COMPONENTS:
                started.start_component(component)
            started.airflow.wait_until_ready(started.services)
            started.api.wait_for_dags(DAG_IDS)
            yield started
        finally:
            started.stop()


def run(airflow: StartedAirflow, commands: str, today: date) -> tuple[int, str]:
    """Exit code and output of commands of the page, with the dates of the test in place of those of the page."""
    commands = commands.replace("2026-11-26", today.isoformat())
    commands = commands.replace("2026-11-01", (today - timedelta(days=25)).isoformat())
    settings = airflow.airflow.environment()
    environment = {name: value for name, value in settings.items() if not name.startswith("AIRFLOW_CONN_")}
    python = ROOT / ".venv/bin"
    environment |= {
        "PATH": os.pathsep.join([str(python), str(local_postgres.BINARIES), environment["PATH"]]),
        "run": "env",
        "owner": airflow.tcs_dsn,
        "airflow": airflow.url,
        "user": "admin",
        "password": airflow.airflow.secrets["admin"],
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=airflow.airflow.home.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def wait_for_last_run(airflow: StartedAirflow, dag_id: str) -> dict[str, Any]:
    """Wait until all runs of a DAG have ended; the last one."""

    def last() -> Any:
        runs = airflow.api.get(f"/dags/{dag_id}/dagRuns", {"order_by": "-id", "limit": 10})["dag_runs"]
        return runs[0] if runs and all(run["state"] in ("success", "failed") for run in runs) else None

    found: dict[str, Any] = wait_for(f"the runs of {dag_id}", last)
    return found


def scheduled_runs(airflow: StartedAirflow) -> list[Any]:
    runs = airflow.api.get("/dags/~/dagRuns", {"limit": 100})["dag_runs"]
    return [run for run in runs if run["run_type"] == "scheduled"]


def test_every_command_of_the_page_works_in_its_order(
    airflow: StartedAirflow, elasticsearch_client: Elasticsearch, today: date
) -> None:
    definition, set_up, parity, missed_nights, unpause, unpause_all, promote, roll_back, http, back = COMMANDS
    assert definition.startswith("run=")
    # The SQL files have paths from the root of the project.
    set_up = set_up.replace("include/", f"{ROOT}/include/")
    code, text = run(airflow, "$run python -m sync_airflow.migration check", today)
    assert (code, "The servers are not ready." in text) == (1, True)
    assert "The role lacks the permission SELECT on person: run include/sql/setup/role.sql." in text
    assert "placement has no valid index on trainee_id." in text

    code, text = run(airflow, set_up, today)
    assert code == 0, text
    documents = elasticsearch_client.count(index=ALIAS)["count"]
    assert f"persons is a plain index, with {documents:,} documents.\nThe servers are ready." in text

    for commands in (parity, missed_nights):
        code, text = run(airflow, commands, today)
        assert code in (EQUAL, DIFFERENT), text
        assert all(f"{job.name}: " in text for job in JOBS)
        assert "PersonOwnerRebuildJob: equal. read 100, added 0, changed 0, removed 0, unchanged 100" in text
    assert find_indices(elasticsearch_client, ALIAS).own == {}

    unpaused = datetime.now(UTC).isoformat()
    for commands in (unpause, unpause_all):
        code, text = run(airflow, commands, today)
        assert code == 0, text
    assert not any(airflow.api.get(f"/dags/{dag_id}")["is_paused"] for dag_id in DAG_IDS)

    code, text = run(airflow, promote, today)
    assert code == 0, text
    assert wait_for_last_run(airflow, BUILD)["state"] == "success"
    indices = find_indices(elasticsearch_client, ALIAS)
    (kept,) = indices.previous
    assert indices.live != ALIAS
    assert indices.own[kept]["copy_of"] == ALIAS

    code, text = run(airflow, roll_back, today)
    assert code == 0, text
    wait_for("both runs of the rollback", lambda: len(airflow.api.run_ids(ROLLBACK)) == 2)
    assert wait_for_last_run(airflow, ROLLBACK)["state"] == "success"
    assert find_indices(elasticsearch_client, ALIAS).live == kept
    assert elasticsearch_client.count(index=ALIAS)["count"] == documents
    # Nothing has started at once when the DAGs were unpaused.
    assert [run for run in scheduled_runs(airflow) if run["run_after"] < unpaused] == []

    code, text = run(airflow, http, today)
    assert code == 0, text
    status, answer = [json.loads(each) for each in re.findall(r"\{[^}]*\}", text)]
    assert status["personOwnerRebuildJob"] is False
    assert answer["status"] == "Just started"
    assert wait_for_last_run(airflow, OWNER)["state"] == "success"
    wait_for("its follow-on job", lambda: find_indices(elasticsearch_client, ALIAS).live != kept)
    assert wait_for_last_run(airflow, BUILD)["state"] == "success"

    code, text = run(airflow, back, today)
    assert code == 0, text
    assert f"persons is a plain index with {documents:,} documents, cloned from persons-" in text
    assert all(airflow.api.get(f"/dags/{dag_id}")["is_paused"] for dag_id in DAG_IDS)
    with psycopg.connect(airflow.tcs_dsn, autocommit=True) as tcs:
        RunningService(tcs, elasticsearch_client).run_night(today)
    assert elasticsearch_client.count(index=ALIAS)["count"] == documents


def test_a_client_gets_an_error_for_a_job_that_is_not_switched(airflow: StartedAirflow, today: date) -> None:
    """At the end: all DAGs are paused again."""
    http = COMMANDS[-2].replace("--request PUT", "--write-out %{http_code} --request PUT")
    code, text = run(airflow, http, today)
    assert (code, "is paused: unpause it" in text, text[-3:]) == (0, True, "409")


def test_a_command_that_fails_says_why(airflow: StartedAirflow, today: date) -> None:
    """At the end: search has been handed back."""
    code, text = run(airflow, "$run python -m sync_airflow.migration hand-back", today)
    assert code == FAILED
    assert "Expected an alias persons, found a plain index persons: nothing to hand back." in text
    code, text = run(airflow, "$run python -m sync_airflow.migration parity --run-date tomorrow", today)
    assert code == FAILED
    assert "The date is not correct: tomorrow" in text
