"""A real Airflow on the servers of the tests, and what an operator does with it through the REST API."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from elasticsearch import Elasticsearch
from psycopg import sql

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.airflow import COMPONENTS, SETUP_SECONDS, Airflow
from local.airflow_api import AirflowApi, Json, NotFound, TaskId
from local.demo_data import load_demo_data
from local.home import new_secrets
from local.ports import HOST, any_free_port
from local.processes import Service, stop
from sync_airflow.dag_ids import ELASTICSEARCH_CONNECTION, POSTGRES_CONNECTION
from tests.conftest import TEMPLATE, delete_indices, new_database
from tests.waiting import wait_for

ENDED = ("success", "failed", "skipped", "upstream_failed")
METADATA = "metadata"  # the database from which metadata databases are copied

# With the settings of the local stack, an Airflow without work takes a third of a core.
CALM = {
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "5",
    # DAG files are read once, and again only when a test requests it.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "86400",
}


@dataclass(frozen=True)
class AirflowOfTests(Airflow):
    """zone: time zone of its processes. more_settings: environment variables that override those of the local stack."""

    zone: str = "UTC"
    more_settings: Mapping[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        return {**super().settings(), **CALM, "TZ": self.zone, **self.more_settings}


class Api(AirflowApi):
    """The REST API, as an operator uses it."""

    def start(self, dag_id: str, **conf: Any) -> str:
        """Start a manual run; return its id."""
        run_id: str = self.start_run(dag_id, conf)["dag_run_id"]
        return run_id

    def plan_run(self, dag_id: str, run_after: str) -> str:
        """Start a manual run that Airflow holds back until that time; return its id."""
        body = {"logical_date": None, "run_after": run_after}
        run_id: str = self._request("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"]
        return run_id

    def runs(self, dag_id: str, run_type: str) -> list[Json]:
        """Runs of that type, oldest first."""
        listed: list[Json] = self.get(f"/dags/{dag_id}/dagRuns", {"order_by": "id", "limit": 100})["dag_runs"]
        return [run for run in listed if run["run_type"] == run_type]

    def run_ids(self, dag_id: str) -> set[str]:
        """The ids of the last hundred runs."""
        listed = self.get(f"/dags/{dag_id}/dagRuns", {"order_by": "-id", "limit": 100})["dag_runs"]
        return {run["dag_run_id"] for run in listed}

    def set_task_state(self, task: TaskId, state: str) -> None:
        self._request("PATCH", task.path, json={"new_state": state})

    def set_run_state(self, dag_id: str, run_id: str, state: str) -> None:
        self._request("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", json={"state": state})

    def read_file_again(self, dag_id: str) -> None:
        """Let the DAG processor read the file of that DAG next."""
        self._request("PUT", f"/parseDagFile/{self.get(f'/dags/{dag_id}')['file_token']}")

    def clear(self, task: TaskId) -> None:
        """Clear a task and everything downstream of it in its run."""
        body = {
            "dry_run": False,
            "dag_run_id": task.run_id,
            "task_ids": [task.task_id],
            "include_downstream": True,
            "only_failed": False,
        }
        self._request("POST", f"/dags/{task.dag_id}/clearTaskInstances", json=body)


@dataclass(kw_only=True)
class StartedAirflow:
    """tcs_dsn: the application's database. services: by component. api: logged in as the administrator."""

    airflow: AirflowOfTests
    tcs_dsn: str
    services: dict[str, Service] = field(default_factory=dict)
    api: Api = field(init=False)

    def __post_init__(self) -> None:
        self.api = Api(self.airflow.url, "admin", self.airflow.secrets["admin"])

    @property
    def url(self) -> str:
        return self.airflow.url

    def run_to_its_end(self, service: Service) -> None:
        self.services[service.name] = service
        service.wait_until_done(SETUP_SECONDS)

    def start_component(self, component: str) -> None:
        service = self.airflow.services()[component]
        self.services[component] = self.airflow.start(component, service)

    def start_all(self, dag_ids: tuple[str, ...]) -> None:
        """Start all components, wait until these DAGs have been read, and unpause them."""
        for component in COMPONENTS:
            self.start_component(component)
        self.airflow.wait_until_ready(self.services)
        self.api.wait_for_dags(dag_ids)
        self.api.unpause(dag_ids)

    def stop(self) -> None:
        """Stop everything at once, without waiting for running tasks."""
        stop(list(self.services.values()), patience=1)

    def state(self, dag_id: str, run_id: str) -> str:
        state: str = self.api.run(dag_id, run_id)["state"]
        return state

    def wait_for_end(self, dag_id: str, run_id: str) -> str:
        """Wait until a run ends; return its state."""

        def end() -> str | None:
            state = self.state(dag_id, run_id)
            return state if state in ENDED else None

        return str(wait_for(f"the end of {dag_id} {run_id}", end))

    def wait_for_task(self, task: TaskId, *states: str) -> Json | None:
        """Wait until the task is in one of these states; return its instance."""

        def instance() -> Json | None:
            try:
                found: Json = self.api.get(task.path)
            except NotFound:
                return None
            return found if found["state"] in states else None

        return wait_for(f"{task} to be {' or '.join(states)}", instance)


def zone_of_another_date(moment: datetime) -> str:
    """A zone whose date differs from that of UTC at that moment: 14 hours ahead of it, or 11 hours behind."""
    return "Pacific/Kiritimati" if moment.astimezone(UTC).hour >= 11 else "Pacific/Pago_Pago"


class Databases(NamedTuple):
    """The names of the database of the application and of Airflow's metadata database."""

    tcs: str
    airflow: str


@contextmanager
def new_databases(server: local_postgres.Postgres, zone: str) -> Iterator[Databases]:
    """An application database with empty tables, and a migrated metadata database, in that time zone.

    Both are dropped at the end.
    """
    with psycopg.connect(server.dsn(local_postgres.ADMINISTRATOR, "postgres"), autocommit=True) as administrator:
        if METADATA not in local_postgres.names(administrator, "SELECT datname FROM pg_database"):
            migrate(server, administrator)
    with (
        new_database(server, "tcs", TEMPLATE) as tcs,
        new_database(server, "airflow", METADATA) as airflow,
        psycopg.connect(server.dsn(local_postgres.ADMINISTRATOR, "postgres"), autocommit=True) as administrator,
    ):
        for name in (tcs, airflow):
            statement = sql.SQL("ALTER DATABASE {} SET timezone = {}")
            administrator.execute(statement.format(sql.Identifier(name), zone))
        yield Databases(tcs, airflow)


def migrate(server: local_postgres.Postgres, administrator: psycopg.Connection[Any]) -> None:
    """Create METADATA, by the command of the local stack. It takes seconds of processor time, so it runs once."""
    local_postgres.create_database(administrator, METADATA, "airflow")
    folder = server.data.with_name("migration")
    airflow = AirflowOfTests(
        home=folder,
        logs=folder,
        port=any_free_port(),
        database=sqlalchemy_url(server.dsn("airflow", METADATA)),
        secrets=new_secrets(),
        connections={},
    )
    airflow.prepare()
    airflow.start_setup(airflow.setup_service()).wait_until_done(SETUP_SECONDS)


def sqlalchemy_url(dsn: str) -> str:
    return dsn.replace("postgresql:", "postgresql+psycopg2:")


def airflow_of_tests(
    folder: Path,
    postgres: local_postgres.Postgres,
    elasticsearch: local_elasticsearch.Elasticsearch,
    databases: Databases,
    *,
    zone: str,
    more_settings: Mapping[str, str],
) -> AirflowOfTests:
    """An Airflow that has not been started. folder: for its home and logs."""
    airflow = AirflowOfTests(
        home=folder / "home",
        logs=folder / "logs",
        port=any_free_port(),
        database=sqlalchemy_url(postgres.dsn("airflow", databases.airflow)),
        secrets=new_secrets(),
        connections={
            POSTGRES_CONNECTION: {
                "conn_type": "postgres",
                "host": HOST,
                "port": postgres.port,
                "schema": databases.tcs,
                "login": "sync_jobs",
                "password": postgres.passwords["sync_jobs"],
            },
            ELASTICSEARCH_CONNECTION: {"conn_type": "elasticsearch", "host": HOST, "port": elasticsearch.port},
        },
        zone=zone,
        more_settings=more_settings,
    )
    airflow.prepare()
    return airflow


@contextmanager
def airflow_with_demo_data(
    folder: Path,
    postgres_server: local_postgres.Postgres,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
    *,
    persons: int,
    dag_ids: tuple[str, ...],
    zone: str = "UTC",
    more_settings: Mapping[str, str],
) -> Iterator[StartedAirflow]:
    """A running Airflow of its own that has read these DAGs. Its database has demo data for today in UTC.

    Its Elasticsearch has no index at first: no build has to agree with the live index of other data.
    """
    with new_databases(postgres_server, zone) as databases:
        tcs_dsn = postgres_server.dsn("tcs", databases.tcs)
        with psycopg.connect(tcs_dsn) as connection:
            load_demo_data(connection, persons, datetime.now(UTC).date())
        airflow = airflow_of_tests(
            folder, postgres_server, elasticsearch_server, databases, zone=zone, more_settings=more_settings
        )
        started = StartedAirflow(airflow=airflow, tcs_dsn=tcs_dsn)
        with Elasticsearch(elasticsearch_server.url) as client:
            delete_indices(client)
        try:
            started.start_all(dag_ids)
            yield started
        finally:
            started.stop()
