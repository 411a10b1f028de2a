"""The Airflow that most tests of this folder share: a test chooses when its jobs are due."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
from elasticsearch import Elasticsearch

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.processes import processes_of
from sync_airflow.time_window import OFF
from sync_jobs.catalogue import JOBS
from tests.airflow_of_tests import StartedAirflow, airflow_of_tests, new_databases
from tests.conftest import delete_indices
from tests.scheduler.night import Night
from tests.scheduler.past_nights import add_success, is_there, plan_run
from tests.waiting import PATIENCE_SECONDS, wait_for

SETTINGS = {
    "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).resolve().parent / "dags"),
    # What a killed scheduler had in its queue, the next one takes up within seconds instead of minutes.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
}
HURRIED_BUILD = "hurried_build"
DAG_IDS = (*(job.dag_id for job in JOBS), "recovery", HURRIED_BUILD)
GATE = 1  # the key of dags/gate.py
# How long reading a file may take, and how often a test looks whether that has happened.
READ_SECONDS, LOOK_AGAIN_SECONDS = 20, 0.2


@dataclass(kw_only=True)
class RunningAirflow(StartedAirflow):
    """times: a file that says when each job is due. administrator, metadata: connections to Airflow's own database.

    first_night: the one in which all was started.
    """

    times: Path
    administrator: psycopg.Connection[Any]
    metadata: psycopg.Connection[Any]
    elasticsearch: Elasticsearch
    first_night: Night = field(init=False)

    def start(self, ticks: Mapping[str, datetime], recovery_window: str = OFF) -> None:
        """Start everything, with all DAGs unpaused."""
        self.airflow = replace(self.airflow, recovery_window=recovery_window)
        self.first_night = self.set_night(ticks)
        self.start_all(DAG_IDS)

    def start_after_nights_off(self, ticks: Mapping[str, datetime], nights_off: int) -> None:
        """Start everything as if Airflow had been off for that many nights, until now.

        The jobs that cover missed nights succeeded before; all jobs are due when the scheduler starts.
        """
        self.first_night = self.set_night(ticks)
        for component in ("dag-processor", "api-server", "triggerer"):
            self.start_component(component)
        # From now on the DAG processor plans no runs: it reads a file again only when a test requests it.
        wait_for("all DAGs", lambda: set(DAG_IDS) <= self._dag_ids())
        self.metadata.execute("UPDATE dag SET is_paused = FALSE")
        missed = [(job, ticks[job.dag_id] - timedelta(days=nights_off - 1)) for job in JOBS if job.covers_missed_nights]
        for job, tick in missed:
            add_success(self.metadata, job, tick - timedelta(days=1))
            plan_run(self.metadata, job, tick)
        self.start_component("scheduler")
        wait_for("the runs that were planned", lambda: all(is_there(self.metadata, *run) for run in missed))
        self.airflow.wait_until_ready(self.services)

    def kill_scheduler(self) -> None:
        """Kill the scheduler and everything it has started, as happens to a container that needs too much memory.

        Its workers must not stay: they have inherited its session with the database and keep that open, perhaps with
        the lock that a scheduler has while it starts tasks. The next one would start none.
        """
        processes = processes_of([self.services.pop("scheduler")]).values()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=PATIENCE_SECONDS)

    def start_scheduler(self, recovery_window: str = OFF) -> None:
        self.airflow = replace(self.airflow, recovery_window=recovery_window)
        self.start_component("scheduler")
        self.airflow.wait_until_ready(self.services)

    def set_night(self, ticks: Mapping[str, datetime]) -> Night:
        """Let each job be due at that time of day. If the DAG processor is running, wait until it has read that."""
        text = json.dumps({dag_id: at.strftime("%H:%M") for dag_id, at in ticks.items()})
        unfinished = self.times.with_suffix(".unfinished")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(self.times)
        if "dag-processor" in self.services:
            wait_for("the times to be read", lambda: self._reads(ticks))
        return Night(self.api, ticks)

    def _reads(self, ticks: Mapping[str, datetime]) -> bool:
        """Let the DAG processor read the times; return whether it has done so after some seconds.

        It loses the request if it is reading the file at that moment for another reason, such as a callback.
        """
        self.api.read_file_again(JOBS[0].dag_id)
        end = time.monotonic() + READ_SECONDS
        query = "SELECT dag_id, timetable_summary FROM dag WHERE dag_id = ANY(%s)"
        wanted = {dag_id: f"{at.minute} {at.hour} * * *" for dag_id, at in ticks.items()}
        while time.monotonic() < end:
            if dict(self.metadata.execute(query, (list(ticks),)).fetchall()) == wanted:
                return True
            time.sleep(LOOK_AGAIN_SECONDS)
        return False

    def last_start(self, dag_ids: Sequence[str]) -> datetime:
        """The latest start of a run of these DAGs."""
        query = "SELECT max(start_date) FROM dag_run WHERE dag_id = ANY(%s)"
        ((start,),) = self.metadata.execute(query, (list(dag_ids),)).fetchall()
        last: datetime = start
        return last

    # What the jobs leave behind.

    def sessions(self) -> dict[int, str | None]:
        """What each session of a job waits for, by the id of the session's process."""
        query = "SELECT pid, wait_event_type FROM pg_stat_activity WHERE datname = %s AND usename = %s"
        return dict(self.administrator.execute(query, (self._database, "sync_jobs")).fetchall())

    def end_sessions(self) -> None:
        """End all sessions of the jobs, as a restart of PostgreSQL does."""
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = %s"
        self.administrator.execute(query, (self._database, "sync_jobs"))

    def indices(self) -> set[str]:
        return set(self.elasticsearch.indices.get(index="persons-*"))

    def live(self) -> set[str]:
        """The indices behind the alias."""
        return set(self.elasticsearch.indices.get_alias(name="persons"))

    @contextmanager
    def builds_held_up(self) -> Iterator[None]:
        """Let every build wait in a statement after its load."""
        with psycopg.connect(self.tcs_dsn) as blocker:
            blocker.execute("SELECT pg_advisory_xact_lock(%s)", (GATE,))
            yield
            blocker.rollback()

    @contextmanager
    def table_locked(self, table: str) -> Iterator[None]:
        """Lock the table against reads and writes."""
        with psycopg.connect(self.tcs_dsn) as blocker:
            blocker.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
            yield
            blocker.rollback()

    def wait_for_sessions_at_a_lock(self, number: int = 1) -> set[int]:
        """Wait until that many sessions of jobs wait for a lock; return their process ids."""

        def waiting() -> set[int] | None:
            found = {pid for pid, event in self.sessions().items() if event == "Lock"}
            return found if len(found) >= number else None

        return wait_for("jobs that wait for a lock", waiting) or set()

    def wait_for_end_of_sessions(self, sessions: set[int]) -> None:
        """Wait until these sessions have ended; a job that is retried has a new one soon."""
        wait_for("the end of the job's session", lambda: not sessions & self.sessions().keys())

    def _dag_ids(self) -> set[str]:
        """The DAGs that have been read."""
        return {dag_id for (dag_id,) in self.metadata.execute("SELECT dag_id FROM serialized_dag")}

    @property
    def _database(self) -> str:
        return str(psycopg.conninfo.conninfo_to_dict(self.tcs_dsn)["dbname"])


@contextmanager
def new_airflow(
    folder: Path,
    postgres: local_postgres.Postgres,
    elasticsearch: local_elasticsearch.Elasticsearch,
    *,
    zone: str,
    more_settings: Mapping[str, str],
) -> Iterator[RunningAirflow]:
    """An Airflow that has not been started, on empty tables and an Elasticsearch without indices. Stopped at the end.

    folder: for its home, its logs and the file of times.
    """
    times = folder / "night.json"
    with (
        new_databases(postgres, zone) as databases,
        connect(postgres, local_postgres.ADMINISTRATOR, databases.airflow) as administrator,
        connect(postgres, "airflow", databases.airflow) as metadata,
        Elasticsearch(elasticsearch.url, request_timeout=60) as client,
    ):
        delete_indices(client)
        settings = {**SETTINGS, "NIGHT_OF_TEST": str(times), **more_settings}
        running = RunningAirflow(
            airflow=airflow_of_tests(folder, postgres, elasticsearch, databases, zone=zone, more_settings=settings),
            tcs_dsn=postgres.dsn("tcs", databases.tcs),
            times=times,
            administrator=administrator,
            metadata=metadata,
            elasticsearch=client,
        )
        try:
            yield running
        finally:
            running.stop()


def connect(postgres: local_postgres.Postgres, role: str, database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(postgres.dsn(role, database), autocommit=True)
