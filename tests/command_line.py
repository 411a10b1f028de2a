"""To run the command line of the local stack as make does, and to see what it leaves."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.home import Home
from local.processes import Service, processes_of

ROOT = Path(__file__).resolve().parents[1]


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

    def processes(self) -> list[psutil.Process]:
        """All that run of every service seen."""
        self.look()
        return list(processes_of(self.seen.values()).values())

    def left_running(self) -> list[str]:
        return [process.name() for process in self.processes()]
