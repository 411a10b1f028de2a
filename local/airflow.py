"""The Airflow of the local stack: four components, LocalExecutor, metadata in the stack's PostgreSQL."""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from local.environment import without_proxies_and_postgresql
from local.home import write_private
from local.http_client import CLIENT
from local.ports import HOST
from local.processes import Service
from sync_airflow.time_window import OFF

ROOT = Path(__file__).resolve().parents[1]
USER = "admin"
USERS = {"admin": "admin", "viewer": "viewer"}  # role by name

SETUP_SECONDS = 180
START_SECONDS = 180

# Arguments of each component. Task logs are read from files: the servers that would offer them to other machines listen
# on all addresses.
COMPONENTS: dict[str, tuple[str, ...]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
COMMAND = (sys.executable, "-m", "local.airflow_component")
# For sed: prints the names of the variables that Airflow.environment() leaves out.
OTHER_SETTINGS = r"s/^\(_*\(AIRFLOW\|PYTHON\|PG\)[A-Za-z0-9_]*\|[A-Za-z0-9_]*_[Pp][Rr][Oo][Xx][Yy]\)=.*/\1/p"
# The components whose heartbeat the health page shows, with their names there.
HEARTBEATS = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}


@dataclass(frozen=True)
class Airflow:
    """home: AIRFLOW_HOME. database: SQLAlchemy URL. connections: fields of each Airflow connection, by its id.

    recovery_window: when a start of the scheduler triggers recovery (sync_airflow.settings).
    """

    home: Path
    logs: Path
    port: int
    database: str
    secrets: Mapping[str, str]
    connections: Mapping[str, Mapping[str, Any]]
    recovery_window: str = OFF

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Create the folder and the users' passwords. Airflow would generate its own and write them to its log."""
        self.home.mkdir(parents=True, exist_ok=True)
        passwords = {user: self.secrets[user] for user in USERS}
        write_private(self._passwords, json.dumps(passwords))

    def setup_service(self) -> Service:
        """The program that runs once before the start: it creates or migrates the metadata database."""
        return Service("Airflow's setup", self.logs / "airflow-setup.log")

    def start_setup(self, service: Service) -> Service:
        return service.start([*COMMAND, "db", "migrate"], self.environment(), self.home)

    def services(self) -> dict[str, Service]:
        """The four components, not started yet, by name."""
        return {
            component: Service(
                f"Airflow's {component}",
                self.logs / f"airflow-{component}.log",
                self.port if component == "api-server" else None,
            )
            for component in COMPONENTS
        }

    def start(self, component: str, service: Service) -> Service:
        return service.start([*COMMAND, component, *COMPONENTS[component]], self.environment(), self.home)

    def wait_until_ready(self, services: Mapping[str, Service]) -> None:
        """Wait until the API server answers and the others have sent a heartbeat since their start.

        services: by component.
        """
        services["api-server"].wait_until(lambda: self._health() is not None, START_SECONDS)
        for component, name in HEARTBEATS.items():
            service = services[component]
            service.wait_until(partial(self._is_healthy, name, service), START_SECONDS)

    def _is_healthy(self, name: str, service: Service) -> bool:
        """Whether this process has sent a heartbeat: the last one may be that of an earlier process."""
        state = (self._health() or {}).get(name) or {}
        beat = state.get(f"latest_{name}_heartbeat")
        if state.get("status") != "healthy" or beat is None:
            return False
        return datetime.fromisoformat(beat).timestamp() > (service.started or 0)

    def _health(self) -> dict[str, Any] | None:
        try:
            answer = CLIENT.get(f"{self.url}/api/v2/monitor/health", timeout=10)
        except httpx.TransportError:
            return None
        health: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return health

    def write_command(self, path: Path) -> None:
        """Write Airflow's command line for this stack, a script. It contains secrets: only its owner can read it."""
        exports = [f"export {name}={shlex.quote(value)}" for name, value in self.settings().items()]
        lines = [
            "#!/bin/sh",
            "# Airflow's command line for the local stack, for example: airflow dags list-runs recovery",
            f"for name in $(env | sed -n '{OTHER_SETTINGS}'); do unset \"$name\"; done",
            *exports,
            f'exec {shlex.quote(sys.executable)} -m airflow "$@"',
        ]
        write_private(path, "\n".join(lines) + "\n", mode=0o700)

    def environment(self) -> dict[str, str]:
        """This process's environment with the settings of this Airflow, without those of others, libpq and proxies."""
        # Variables that Airflow sets for its children begin with underscores.
        others = ("AIRFLOW", "PYTHON")
        ours = without_proxies_and_postgresql(os.environ)
        ours = {name: value for name, value in ours.items() if not name.lstrip("_").startswith(others)}
        return ours | self.settings()

    def settings(self) -> dict[str, str]:
        users = ",".join(f"{user}:{role}" for user, role in USERS.items())
        connections = {f"AIRFLOW_CONN_{name}".upper(): json.dumps(fields) for name, fields in self.connections.items()}
        return connections | {
            "AIRFLOW_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "plugins"), str(ROOT)]),
            "PYTHONUNBUFFERED": "1",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__FERNET_KEY": self.secrets["fernet_key"],
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database,
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.logs / "tasks"),
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": self.secrets["api_secret_key"],
            "AIRFLOW__API_AUTH__JWT_SECRET": self.secrets["jwt_secret"],
            # Tasks start at once. With the defaults there are seconds of sleep between them.
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            # A new DAG file is found within half a minute, and a changed one is read again within the same time.
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            "AIRFLOW__TIS_SYNC__RECOVERY_WINDOW": self.recovery_window,
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    @property
    def _passwords(self) -> Path:
        return self.home / "passwords.json"
