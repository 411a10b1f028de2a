"""The local stack as a whole: the order in which services start, and what is stopped if that fails.

Elasticsearch ────────────────────────────────────────────────────────────┐
PostgreSQL ─ databases ─┬─ tables, demo data ─┬─ other Airflow components ─┴─ DAGs unpaused, stack.json
                        ├─ Airflow setup ─────┤
                        └─ API server ────────┘

The API server waits for the setup, and the scheduler for the API server (local/airflow_component.py).
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial

import psycopg

from local.airflow import COMPONENTS, USER, Airflow
from local.airflow import SETUP_SECONDS as AIRFLOW_SETUP_SECONDS
from local.airflow_api import AirflowApi
from local.console import Steps
from local.demo_data import DatabaseNotEmpty, load_demo_data
from local.elasticsearch import Elasticsearch
from local.errors import StackError
from local.home import Home
from local.interrupts import interrupts_ignored
from local.ports import HOST, choose_port
from local.postgres import Postgres, create_tables
from local.processes import Service, stop
from local.settings import AIRFLOW_PORT, ELASTICSEARCH_PORT, POSTGRES_PORT, Settings
from sync_airflow.dag_ids import DAG_IDS, ELASTICSEARCH_CONNECTION, POSTGRES_CONNECTION

POSTGRES, ELASTICSEARCH, SETUP = "postgres", "elasticsearch", "airflow-setup"
API_SERVER, TRIGGERER = "api-server", "triggerer"
SERVICES = (POSTGRES, ELASTICSEARCH, *COMPONENTS)

# How long a service may take to stop before it gets another signal. The scheduler waits for running tasks. The
# triggerer ends its triggers at once, but then waits for ten seconds unless it gets another signal.
PATIENCE_SECONDS = 20
TRIGGERER_PATIENCE_SECONDS = 1


class Stack:
    """All services of one home. Create it only while the lock of the home is held (Home.locked)."""

    def __init__(self, settings: Settings, home: Home, steps: Steps) -> None:
        self.settings, self.home, self.steps = settings, home, steps
        self.services = home.services()
        self.begun: list[str] = []  # names of the services that this command has started
        secrets, ports = home.secrets(), self._choose_ports()
        self.postgres = Postgres(home.folder / "postgres", home.log(POSTGRES), ports[POSTGRES], secrets)
        self.elasticsearch = Elasticsearch(
            home.folder / "elasticsearch", home.log(ELASTICSEARCH), ports[ELASTICSEARCH], settings.heap
        )
        self.airflow = Airflow(
            home=home.folder / "airflow-home",
            logs=home.folder / "logs",
            port=ports[API_SERVER],
            database=self.postgres.dsn("airflow", "airflow").replace("postgresql:", "postgresql+psycopg2:"),
            secrets=secrets,
            recovery_window=settings.recovery_window,
            connections={
                POSTGRES_CONNECTION: {
                    "conn_type": "postgres",
                    "host": HOST,
                    "port": ports[POSTGRES],
                    "schema": "tcs",
                    "login": "sync_jobs",
                    "password": secrets["sync_jobs"],
                },
                ELASTICSEARCH_CONNECTION: {"conn_type": "elasticsearch", "host": HOST, "port": ports[ELASTICSEARCH]},
            },
        )

    def up(self) -> bool:
        """Start what is not running. Returns whether anything was started. If that fails, stops all of it again."""
        try:
            return self._up()
        except BaseException:
            with interrupts_ignored():
                self._end(self.begun)
            raise

    def down(self) -> list[str]:
        """Stop all services; the data stays. Returns the names of those that were running."""
        running = [service.name for service in self.services.values() if service.is_running()]
        with interrupts_ignored():
            self.home.remove_stack()
            self._end(list(self.services))
        return running

    def running(self, name: str) -> bool:
        return name in self.services and self.services[name].is_running()

    def _up(self) -> bool:
        if all(self.running(name) for name in SERVICES):
            self._open_for_work()
            return False
        # The setup tells Airflow the addresses of the servers, so Airflow restarts if one of them does.
        self._end([name for name in self.services if name not in (POSTGRES, ELASTICSEARCH) or not self.running(name)])
        self.home.remove_stack()
        if not self.running(ELASTICSEARCH):
            tuned = self.elasticsearch.tuned(self.settings.demo_persons)
            self._begin(ELASTICSEARCH, self.elasticsearch.service(), tuned.start)
        self._start_postgres()
        self.airflow.prepare()
        self._begin(SETUP, self.airflow.setup_service(), self.airflow.start_setup)
        self._begin_airflow([API_SERVER])  # it waits for the setup by itself
        self._fill_database()
        self._start_airflow()
        self._open_for_work()
        return True

    def _start_postgres(self) -> None:
        with self.steps.step("Starting PostgreSQL") as done:
            if not self.running(POSTGRES):
                self.postgres.initialise()
                self._begin(POSTGRES, self.postgres.service(), self.postgres.start)
            self.postgres.wait_until_ready(self.services[POSTGRES])
            self.postgres.create_databases()
            done.append(f"PostgreSQL listens on {HOST}:{self.postgres.port}")

    def _fill_database(self) -> None:
        with self.steps.step("Filling the database") as done:
            dsn = self.postgres.dsn("tcs", "tcs")
            create_tables(dsn)
            persons = load_demo_data_once(dsn, self.settings.demo_persons)
            done.append(f"The tables hold {persons:,} new demo persons" if persons else "The tables exist")

    def _start_airflow(self) -> None:
        with self.steps.step("Setting up Airflow") as done:
            self.services[SETUP].wait_until_done(AIRFLOW_SETUP_SECONDS)
            self._forget(SETUP)
            done.append("Airflow's database is ready")
        self._begin_airflow([component for component in COMPONENTS if component != API_SERVER])
        with self.steps.step("Starting Elasticsearch") as done:
            self.elasticsearch.wait_until_ready(self.services[ELASTICSEARCH])
            done.append(f"Elasticsearch answers at {self.elasticsearch.url}")
        with self.steps.step("Starting Airflow") as done:
            self.airflow.wait_until_ready(self.services)
            done.append(f"Airflow answers at {self.airflow.url}")

    def _begin_airflow(self, components: Iterable[str]) -> None:
        services = self.airflow.services()
        for component in components:
            self._begin(component, services[component], partial(self.airflow.start, component))

    def _open_for_work(self) -> None:
        """Unpause the DAGs and write down how to reach the stack."""
        stack = self._description()
        with AirflowApi(stack["airflow_url"], stack["user"], stack["password"]) as api:
            api.wait_for_dags(DAG_IDS)
            api.unpause(DAG_IDS)
        self.airflow.write_command(self.home.folder / "airflow")
        self.home.write_stack(stack)

    def _description(self) -> dict[str, str]:
        return {
            "tcs_dsn": self.postgres.dsn("tcs", "tcs"),
            "elasticsearch_url": self.elasticsearch.url,
            "airflow_url": self.airflow.url,
            "user": USER,
            "password": self.airflow.secrets[USER],
        }

    def _begin(self, name: str, service: Service, start: Callable[[Service], Service]) -> None:
        self.begun.append(name)
        self.services[name] = service
        self.home.note_service(service, name)
        self.services[name] = start(service)
        self.home.note_service(self.services[name], name)

    def _end(self, names: list[str]) -> None:
        """Stop Airflow first, which would otherwise log errors about the missing servers."""
        names = [name for name in names if name in self.services]
        servers = [name for name in names if name in (POSTGRES, ELASTICSEARCH)]
        triggerer = [name for name in names if name == TRIGGERER]
        rest = [name for name in names if name not in (*servers, *triggerer)]
        patience = ((triggerer, TRIGGERER_PATIENCE_SECONDS), (rest, PATIENCE_SECONDS), (servers, PATIENCE_SECONDS))
        for group, seconds in patience:
            if group:
                stop([self.services[name] for name in group], seconds)
        for name in names:
            self._forget(name)

    def _forget(self, name: str) -> None:
        self.services.pop(name, None)
        self.home.forget_service(name)

    def _choose_ports(self) -> dict[str, int]:
        """A running service keeps its port."""
        asked = {
            POSTGRES: (POSTGRES_PORT, self.settings.postgres_port, 5432),
            ELASTICSEARCH: (ELASTICSEARCH_PORT, self.settings.elasticsearch_port, 9200),
            API_SERVER: (AIRFLOW_PORT, self.settings.airflow_port, 8080),
        }
        ports = {name: port for name in asked if self.running(name) and (port := self.services[name].port)}
        for name, (variable, port, default) in asked.items():
            if name in ports and port not in (None, ports[name]):
                raise StackError(
                    f"{variable} is {port}, but {self.services[name].name} is running on port {ports[name]}. "
                    "Run `make down` first."
                )
            if name not in ports:
                ports[name] = choose_port(variable, port, default, ports.values())
        return ports


def load_demo_data_once(dsn: str, persons: int) -> int:
    """Load demo data for today (UTC) if there are no persons yet. Returns the number of persons that were created."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        try:
            return load_demo_data(connection, persons, datetime.now(UTC).date())["person"]
        except DatabaseNotEmpty:
            return 0
