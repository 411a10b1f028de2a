"""Runs the command line of the local stack as make does, and finds what it leaves behind."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import psutil

from local.home import Home
from local.processes import Service, processes_of

ROOT = Path(__file__).resolve().parents[1]

Answer = TypeVar("Answer")


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

    def run(self, command: str, seconds: float = 600) -> tuple[int, str]:
        """Exit code and all that it printed."""
        with self.begin(command) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            finally:
                process.kill()
        return process.returncode, output

    def look(self) -> dict[str, Service]:
        """The services that the home lists now."""
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
        return self.ask_each(psutil.Process.name)

    def listening_addresses(self) -> set[str]:
        """The IP addresses on which processes of the stack listen."""
        connections = self.ask_each(lambda process: process.net_connections("inet"))
        return {
            connection.laddr.ip.removeprefix("::ffff:")
            for connection in chain.from_iterable(connections)
            if connection.status == psutil.CONN_LISTEN
        }

    def ask_each(self, question: Callable[[psutil.Process], Answer]) -> list[Answer]:
        """The answers of all processes, except those that end meanwhile: Airflow's processes come and go."""
        answers = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                answers.append(question(process))
        return answers


def writers_of(log: Path) -> list[int]:
    """Ids of the processes whose messages go to that file."""
    writers = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # ended meanwhile, or somebody else's
            if Path(f"/proc/{process.pid}/fd/2").samefile(log):
                writers.append(process.pid)
    return writers
