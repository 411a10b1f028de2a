"""To run the command line of the local stack, on a home and ports of the test's own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.home import Home
from local.ports import any_free_port
from local.processes import Service, processes_of, stop

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("SYNC_POSTGRES_PORT", "SYNC_ELASTICSEARCH_PORT", "SYNC_AIRFLOW_PORT")


@dataclass
class CommandLine:
    """python -m local, as make calls it. seen: every service that its home has known."""

    home: Home
    environment: dict[str, str]
    seen: dict[str, Service]

    def begin(self, command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "local", command],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str, seconds: float = 240) -> tuple[int, str]:
        """Exit code and all that it printed."""
        with self.begin(command) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            finally:
                process.kill()
        return process.returncode, output

    def look(self) -> dict[str, Service]:
        """The services that are noted now."""
        services = self.home.services()
        self.seen |= {service.key: service for service in services.values()}
        return services

    def wait_for(self, what: Callable[[dict[str, Service]], bool], seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not what(self.look()):
            assert time.monotonic() < end, f"still only {list(self.look())}"
            time.sleep(0.05)

    def left_running(self) -> list[str]:
        return [process.name() for process in processes_of(self.seen.values()).values()]


@pytest.fixture
def command_line(tmp_path: Path) -> Iterator[CommandLine]:
    """Whatever a test leaves running is ended after it."""
    ports = {name: str(any_free_port()) for name in PORTS}
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "SYNC_"))}
    environment = ours | ports | {"SYNC_HOME": str(tmp_path / "home"), "SYNC_DEMO_PERSONS": "300"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "plugins"), str(ROOT)])
    command_line = CommandLine(Home(tmp_path / "home"), environment, {})
    yield command_line
    command_line.look()
    stop(list(command_line.seen.values()), patience=5)
