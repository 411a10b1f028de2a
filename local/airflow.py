"""Airflow as the local stack runs it: four processes with the LocalExecutor, metadata in our PostgreSQL."""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from local.home import write_private
from local.ports import HOST
from local.processes import Service
from sync_airflow.time_window import OFF

ROOT = Path(__file__).resolve().parents[1]
SETTINGS_FILE = ROOT / "airflow_settings.yaml"
USER = "admin"
USERS = {"admin": "admin", "viewer": "viewer"}  # role by name

SETUP_SECONDS = 180
START_SECONDS = 180

# Logs are read from files; the servers that would offer them to other machines listen on all of their addresses.
COMPONENTS: dict[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
# Those of which the health page knows, by their names there.
HEARTBEATS = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}


@dataclass(frozen=True)
class Airflow:
    """home: its own folder. database: SQLAlchemy URL. connections: environment that airflow_settings.yaml asks for.

    recovery_window: when a start of the scheduler triggers recovery (sync_airflow.settings).
    """

    home: Path
    logs: Path
    port: int
    database: str
    secrets: Mapping[str, str]
    connections: Mapping[str, str]
    recovery_window: str = OFF

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Folders, and the passwords of the users: Airflow would make up its own and print them into its log."""
        self.home.mkdir(parents=True, exist_ok=True)
        passwords = {user: self.secrets[user] for user in USERS}
        write_private(self._passwords, json.dumps(passwords))

    def setup_service(self) -> Service:
        """Runs once and ends; see local/airflow_setup.py."""
        return Service("Airflow's setup", self.logs / "airflow-setup.log")

    def start_setup(self, service: Service) -> Service:
        environment = {**self.environment(), **self.connections}
        # The setup is ours, and needs our package beside those that Airflow finds by itself.
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "plugins"), str(ROOT)])
        return service.start([sys.executable, "-m", "local.airflow_setup", SETTINGS_FILE], environment, self.home)

    def services(self) -> dict[str, Service]:
        """The four, not started yet, by their names in Airflow's command line."""
        return {
            component: Service(
                f"Airflow's {component}",
                self.logs / f"airflow-{component}.log",
                self.port if component == "api-server" else None,
            )
            for component in COMPONENTS
        }

    def start(self, component: str, service: Service) -> Service:
        command = [sys.executable, "-m", "airflow", *COMPONENTS[component]]
        return service.start(command, self.environment(), self.home)

    def wait_until_ready(self, services: Mapping[str, Service]) -> None:
        """All four answer or have sent a sign of life since their start. services: by component."""
        services["api-server"].wait_until(lambda: self._health() is not None, START_SECONDS)
        for component, name in HEARTBEATS.items():
            service = services[component]
            service.wait_until(lambda name=name, service=service: self._lives(name, service), START_SECONDS)  # type: ignore[misc]

    def _lives(self, name: str, service: Service) -> bool:
        """An earlier process's last sign of life is not this one's."""
        state = (self._health() or {}).get(name) or {}
        beat = state.get(f"latest_{name}_heartbeat")
        if state.get("status") != "healthy" or beat is None:
            return False
        return datetime.fromisoformat(beat).timestamp() > (service.started or 0)

    def _health(self) -> dict[str, Any] | None:
        try:
            answer = httpx.get(f"{self.url}/api/v2/monitor/health", timeout=10, trust_env=False)
        except httpx.TransportError:
            return None
        health: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return health

    def write_command(self, path: Path) -> None:
        """An executable that is Airflow's command line for this stack. It holds secrets: for its owner alone."""
        exports = [f"export {name}={shlex.quote(value)}" for name, value in self.settings().items()]
        lines = [
            "#!/bin/sh",
            "# Airflow's command line for the local stack: for instance `airflow dags list-runs recovery`.",
            "for name in $(env | sed -n 's/^\\(AIRFLOW[A-Za-z0-9_]*\\)=.*/\\1/p'); do unset \"$name\"; done",
            *exports,
            f'exec {shlex.quote(sys.executable)} -m airflow "$@"',
        ]
        write_private(path, "\n".join(lines) + "\n", mode=0o700)

    def environment(self) -> dict[str, str]:
        """Ours without any other Airflow's settings, and with this one's."""
        # Airflow's own notes to its children begin with underscores.
        others = ("AIRFLOW", "PYTHON")
        ours = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith(others)}
        return ours | self.settings()

    def settings(self) -> dict[str, str]:
        users = ",".join(f"{user}:{role}" for user, role in USERS.items())
        return {
            "AIRFLOW_HOME": str(self.home),
            "PYTHONPATH": str(ROOT / "plugins"),
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
            # A task is at work a moment after it is due; by default some seconds of sleep lie between.
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            # A new file is found soon; one that has changed is read again within the default of half a minute.
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            "AIRFLOW__TIS_SYNC__RECOVERY_WINDOW": self.recovery_window,
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }

    @property
    def _passwords(self) -> Path:
        return self.home / "passwords.json"
