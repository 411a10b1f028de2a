"""An Airflow that runs for the tests, on their PostgreSQL and Elasticsearch, and what a test asks of it."""

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
from elasticsearch import Elasticsearch

from local.airflow import SETUP_SECONDS, Airflow
from local.airflow_api import AirflowApi, Json, NotFound, TaskId
from local.processes import Service, processes_of, stop
from sync_airflow.time_window import OFF
from sync_jobs.catalogue import JOBS
from tests.scheduler.night import ENDED, Night
from tests.scheduler.past_nights import add_success, is_there, plan_run
from tests.waiting import PATIENCE_SECONDS, wait_for

DAGS = Path(__file__).resolve().parent / "dags"
HURRIED_BUILD = "hurried_build"
GATE = 1  # the key of dags/gate.py
DAG_IDS = (*(job.dag_id for job in JOBS), "recovery", HURRIED_BUILD)


@dataclass(frozen=True)
class AirflowOfTests(Airflow):
    """Airflow with the DAGs of this folder, each file of which is read anew every few seconds.

    zone: of the host that it seems to run on.
    """

    zone: str = "UTC"
    more_settings: Mapping[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        return {
            **super().settings(),
            "TZ": self.zone,
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

    def run_ids(self, dag_id: str) -> set[str]:
        """Of the last hundred runs."""
        listed = self.get(f"/dags/{dag_id}/dagRuns", {"order_by": "-id", "limit": 100})["dag_runs"]
        return {run["dag_run_id"] for run in listed}

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
    """times: a file that says when each job is due. metadata: Airflow's own database. services: by component.

    api: logged in. first_night: the one in which all was started.
    """

    airflow: AirflowOfTests
    times: Path
    administrator: psycopg.Connection[Any]
    metadata: psycopg.Connection[Any]
    tcs_dsn: str
    elasticsearch: Elasticsearch
    services: dict[str, Service] = field(default_factory=dict)
    api: Api = field(init=False)
    first_night: Night = field(init=False)

    def __post_init__(self) -> None:
        self.api = Api(self.airflow.url, "admin", self.airflow.secrets["admin"])

    def start_after_nights_off(self, ticks: Mapping[str, datetime], nights_off: int) -> None:
        """Everything from nothing, but as if Airflow had been off for those nights, tonight's start among them.

        The jobs that cover missed nights have succeeded before; all eight are due when the scheduler starts.
        """
        self.first_night = self.set_night(ticks)
        self.airflow.prepare()
        self._run_to_its_end(self.airflow.start_setup(self.airflow.setup_service()))
        for component in ("api-server", "triggerer"):
            self.start_component(component)
        command = [sys.executable, "-m", "airflow", "dags", "reserialize"]
        reading = Service("the reading of all DAGs", self.airflow.logs / "airflow-reserialize.log")
        self._run_to_its_end(reading.start(command, self.airflow.environment(), self.airflow.home))
        self.metadata.execute("UPDATE dag SET is_paused = FALSE")
        missed = [(job, ticks[job.dag_id] - timedelta(days=nights_off - 1)) for job in JOBS if job.covers_missed_nights]
        for job, tick in missed:
            add_success(self.metadata, job, tick - timedelta(days=1))
            plan_run(self.metadata, job, tick)
        self.start_component("scheduler")
        wait_for("the runs that were planned", lambda: all(is_there(self.metadata, *run) for run in missed))
        # Not before: it would plan these anew, and nothing would be there of the nights before tonight.
        self.start_component("dag-processor")
        self.airflow.wait_until_ready(self.services)

    def _run_to_its_end(self, service: Service) -> None:
        self.services[service.name] = service
        service.wait_until_done(SETUP_SECONDS)

    def start_component(self, component: str) -> None:
        service = self.airflow.services()[component]
        self.services[component] = self.airflow.start(component, service)

    def kill_scheduler(self) -> None:
        """By force, with all that it has started, as a container ends that takes too much memory.

        Its workers must not stay: they have inherited its session with the database and keep that open, perhaps with
        the lock that a scheduler has while it starts tasks. The next one would start none.
        """
        processes = processes_of([self.services.pop("scheduler")]).values()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=PATIENCE_SECONDS)

    def stop(self) -> None:
        """At once: nothing of it is needed any more."""
        stop(list(self.services.values()), patience=1)

    def start_scheduler(self, recovery_window: str = OFF) -> None:
        self.airflow = replace(self.airflow, recovery_window=recovery_window)
        self.start_component("scheduler")
        self.airflow.wait_until_ready(self.services)

    def set_night(self, ticks: Mapping[str, datetime]) -> Night:
        """Let each job be due at that time of day; Airflow finds it out within seconds."""
        text = json.dumps({dag_id: at.strftime("%H:%M") for dag_id, at in ticks.items()})
        unfinished = self.times.with_suffix(".unfinished")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(self.times)
        return Night(self.api, ticks)

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
            try:
                found: Json = self.api.get(task.path)
            except NotFound:
                return None
            return found if found["state"] in states else None

        return wait_for(f"{task} to be {' or '.join(states)}", instance)

    def last_start(self, dag_ids: Sequence[str]) -> datetime:
        """When a run of these began last."""
        query = "SELECT max(start_date) FROM dag_run WHERE dag_id = ANY(%s)"
        ((start,),) = self.metadata.execute(query, (list(dag_ids),)).fetchall()
        return start

    # What the jobs leave behind.

    def sessions(self) -> dict[int, str | None]:
        """What each session of a job waits for, by the id of the session's process."""
        query = "SELECT pid, wait_event_type FROM pg_stat_activity WHERE datname = %s AND usename = %s"
        return dict(self.administrator.execute(query, (self._database, "sync_jobs")).fetchall())

    def end_sessions(self) -> None:
        """As a server does that is restarted."""
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = %s"
        self.administrator.execute(query, (self._database, "sync_jobs"))

    def indices(self) -> set[str]:
        return set(self.elasticsearch.indices.get(index="persons-*"))

    def live(self) -> set[str]:
        """The indices behind the alias."""
        return set(self.elasticsearch.indices.get_alias(name="persons"))

    @contextmanager
    def builds_held_up(self) -> Iterator[None]:
        """A build waits, by a statement, when its index is loaded."""
        with psycopg.connect(self.tcs_dsn) as blocker:
            blocker.execute("SELECT pg_advisory_xact_lock(%s)", (GATE,))
            yield
            blocker.rollback()

    @contextmanager
    def table_locked(self, table: str) -> Iterator[None]:
        """Nobody else reads or writes it."""
        with psycopg.connect(self.tcs_dsn) as blocker:
            blocker.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
            yield
            blocker.rollback()

    def wait_for_sessions_at_a_lock(self, number: int = 1) -> set[int]:
        """Sessions of jobs that wait for a lock, once there are so many."""

        def waiting() -> set[int] | None:
            found = {pid for pid, event in self.sessions().items() if event == "Lock"}
            return found if len(found) >= number else None

        return wait_for("jobs that wait for a lock", waiting) or set()

    def wait_for_end_of_sessions(self, sessions: set[int]) -> None:
        """Of these; a job that is tried again has another one soon."""
        wait_for("the end of the job's session", lambda: not sessions & self.sessions().keys())

    @property
    def _database(self) -> str:
        return str(psycopg.conninfo.conninfo_to_dict(self.tcs_dsn)["dbname"])
