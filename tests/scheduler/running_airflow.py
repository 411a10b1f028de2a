"""An Airflow that runs for the tests, on their PostgreSQL and Elasticsearch, and what a test asks of it."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg
from elasticsearch import Elasticsearch

from local.airflow import COMPONENTS, SETUP_SECONDS, Airflow
from local.airflow_api import AirflowApi, Json, TaskId
from local.processes import Service, stop
from sync_airflow.time_window import OFF
from sync_jobs.catalogue import JOBS

DAGS = Path(__file__).resolve().parent / "dags"
RUN_JOB = "run_job"
HURRIED_BUILD = "hurried_build"
DAG_IDS = (*(job.dag_id for job in JOBS), "recovery", HURRIED_BUILD)
ENDED = ("success", "failed", "skipped", "upstream_failed")

# Generous: a slow machine takes long, and only a test that fails waits so long.
PATIENCE_SECONDS = 180
LOOK_AGAIN_AFTER_SECONDS = 0.2

Answer = TypeVar("Answer")


def wait_for(what: str, question: Callable[[], Answer], seconds: float = PATIENCE_SECONDS) -> Answer:
    """The first answer that is true. Fails saying what was waited for, and what the last answer was."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}, last seen: {answer!r}"
        time.sleep(LOOK_AGAIN_AFTER_SECONDS)
    return answer


@dataclass(frozen=True)
class AirflowOfTests(Airflow):
    """Airflow with the DAGs of this folder, each file of which is read anew every few seconds."""

    more_settings: Mapping[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        return {
            **super().settings(),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "2",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "2",
            # What a killed scheduler had in its queue, the next one takes up within seconds instead of minutes.
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
            **self.more_settings,
        }


class Api(AirflowApi):
    """What an operator does by REST."""

    def start(self, dag_id: str, **conf: Any) -> str:
        """Start a run; its id."""
        run_id: str = self.start_run(dag_id, conf)["dag_run_id"]
        return run_id

    def runs(self, dag_id: str, run_type: str) -> list[Json]:
        """In the order in which they were made."""
        listed: list[Json] = self.get(f"/dags/{dag_id}/dagRuns", {"order_by": "id", "limit": 100})["dag_runs"]
        return [run for run in listed if run["run_type"] == run_type]

    def set_task_state(self, task: TaskId, state: str) -> None:
        self._request("PATCH", task.path, json={"new_state": state})

    def set_run_state(self, dag_id: str, run_id: str, state: str) -> None:
        self._request("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", json={"state": state})

    def clear(self, task: TaskId) -> None:
        """Clear a task with all that is downstream of it in its run."""
        body = {
            "dry_run": False,
            "dag_run_id": task.run_id,
            "task_ids": [task.task_id],
            "include_downstream": True,
            "only_failed": False,
        }
        self._request("POST", f"/dags/{task.dag_id}/clearTaskInstances", json=body)


@dataclass
class RunningAirflow:
    """services: by component. api: logged in. orphans: the children of a scheduler that was killed."""

    airflow: AirflowOfTests
    night: Path
    administrator: psycopg.Connection[Any]
    tcs_dsn: str
    elasticsearch: Elasticsearch
    services: dict[str, Service] = field(default_factory=dict)
    api: Api = field(init=False)
    orphans: list[psutil.Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = Api(self.airflow.url, "admin", self.airflow.secrets["admin"])

    def start(self) -> None:
        """Everything from nothing, no job due for hours."""
        now = datetime.now(UTC)
        self.set_night({job.dag_id: now + timedelta(hours=12) for job in JOBS})
        self.airflow.prepare()
        setup = self.airflow.setup_service()
        self.services["setup"] = setup = self.airflow.start_setup(setup)
        setup.wait_until_done(SETUP_SECONDS)
        for component in COMPONENTS:
            self.start_component(component)
        self.airflow.wait_until_ready(self.services)
        self.api.wait_for_dags(DAG_IDS)
        self.api.unpause(DAG_IDS)

    def start_component(self, component: str) -> None:
        service = self.airflow.services()[component]
        self.services[component] = self.airflow.start(component, service)

    def kill_scheduler(self) -> None:
        """By force, as a machine does that runs out of memory; what it has started is left alone until stop()."""
        service = self.services["scheduler"]
        self.services["killed " + service.key] = service
        process = service.first_process()
        assert process
        # Noted now: they write over their environment, so that later nothing tells whose they are.
        self.orphans += process.children(recursive=True)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """All of it, and what a killed scheduler has left behind."""
        stop(list(self.services.values()))
        for process in self.orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def start_scheduler(self, recovery_window: str = OFF) -> None:
        self.airflow = replace(self.airflow, recovery_window=recovery_window)
        self.start_component("scheduler")
        self.airflow.wait_until_ready(self.services)

    def set_night(self, times: Mapping[str, datetime]) -> None:
        """Let each job be due at that time of day (UTC); Airflow finds it out within seconds."""
        text = json.dumps({dag_id: at.strftime("%H:%M") for dag_id, at in times.items()})
        unfinished = self.night.with_suffix(".unfinished")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(self.night)

    # What a test waits for.

    def state(self, dag_id: str, run_id: str) -> str:
        state: str = self.api.run(dag_id, run_id)["state"]
        return state

    def wait_for_end(self, dag_id: str, run_id: str) -> str:
        """The state in which a run ends."""

        def end() -> str | None:
            state = self.state(dag_id, run_id)
            return state if state in ENDED else None

        return wait_for(f"the end of {dag_id} {run_id}", end)

    def wait_for_task(self, task: TaskId, *states: str) -> Json:
        """The task's instance, once it is in one of these states."""

        def instance() -> Json | None:
            found: Json = self.api.get(task.path)
            return found if found["state"] in states else None

        return wait_for(f"{task} to be {' or '.join(states)}", instance)

    # What the jobs leave behind.

    def sessions(self) -> list[tuple[str, str]]:
        """application_name and wait_event_type of each session that a job has."""
        query = "SELECT application_name, wait_event_type FROM pg_stat_activity WHERE datname = %s AND usename = %s"
        return self.administrator.execute(query, (self._database, "sync_jobs")).fetchall()

    def end_sessions(self) -> None:
        """As a server does that is restarted."""
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = %s"
        self.administrator.execute(query, (self._database, "sync_jobs"))

    def locks(self) -> int:
        """How many advisory locks there are."""
        query = (
            "SELECT count(*) FROM pg_locks AS l INNER JOIN pg_database AS d ON d.oid = l.database "
            "WHERE l.locktype = 'advisory' AND l.granted AND d.datname = %s"
        )
        return int(self.administrator.execute(query, (self._database,)).fetchone()[0])  # type: ignore[index]

    def indices(self) -> set[str]:
        return set(self.elasticsearch.indices.get(index="persons-*"))

    def live(self) -> set[str]:
        """The indices behind the alias."""
        return set(self.elasticsearch.indices.get_alias(name="persons"))

    @contextmanager
    def table_locked(self, table: str) -> Iterator[None]:
        """Nobody else reads or writes the table."""
        with psycopg.connect(self.tcs_dsn) as blocker:
            blocker.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
            yield
            blocker.rollback()

    def wait_until_a_job_waits_for_a_lock(self) -> None:
        wait_for("a job that waits for a lock", lambda: any(event == "Lock" for _, event in self.sessions()))

    @property
    def _database(self) -> str:
        return str(psycopg.conninfo.conninfo_to_dict(self.tcs_dsn)["dbname"])
