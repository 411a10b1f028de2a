"""Processes that outlive the command which started them, found and ended again without ever touching another's.

A process is known by its id and the time of its start, since ids are used again. What it has started itself is
known by a key: each service gets a random one in its environment, and children inherit it.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from local.errors import ServiceFailed

KEY_VARIABLE = "SYNC_PROCESS_KEY"
LOOK_AGAIN_AFTER_SECONDS = 0.1

# The start of a process is counted from the boot of the machine, whose time moves when the clock is set right.
SAME_START_SECONDS = 2.0


@dataclass(frozen=True)
class Service:
    """One service that runs, or ran.

    pid and started (seconds since the epoch) are those of its first process; None before that is known.
    key: what its processes have in their environment. log: the file that they write to.
    """

    name: str
    log: Path
    key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    pid: int | None = None
    started: float | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    child: "subprocess.Popen[bytes] | None" = field(default=None, repr=False, compare=False)

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> "Service":
        """Start it in a session of its own, so that no Ctrl-C of a terminal reaches it. Returns it with its pid."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                [str(part) for part in command],
                env={**environment, KEY_VARIABLE: self.key},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            started = psutil.Process(child.pid).create_time()
        except psutil.NoSuchProcess:
            started = time.time()
        return Service(self.name, self.log, self.key, child.pid, started, self.stop_signal, child)

    def is_running(self) -> bool:
        return self._first_process() is not None

    def processes(self) -> list[psutil.Process]:
        """Its first process, if that still runs, and all that have come from it."""
        first = self._first_process()
        found = {process.pid: process for process in _processes_with_key(self.key)}
        if first:
            # A server may write over its environment, and then is known by its parent alone.
            found |= {process.pid: process for process in (first, *_children(first))}
        return list(found.values())

    def stop(self, patience: float = 30) -> None:
        """Ask it to end, wait for so many seconds, end what is left of it by force."""
        first = self._first_process()
        processes = self.processes()
        for process in [first] if first else processes:
            _send(process, self.stop_signal)
        if first:
            psutil.wait_procs([first], timeout=patience)
        # What is still there then: children that a dead parent left, or that have left it.
        rest = list({process.pid: process for process in [*processes, *self.processes()]}.values())
        for process in rest:
            _send(process, signal.SIGTERM)
        _, rest = psutil.wait_procs(rest, timeout=5)
        for process in rest:
            _send(process, signal.SIGKILL)
        psutil.wait_procs(rest, timeout=5)
        if self.child:
            self.child.poll()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return once ready() is true. Raises ServiceFailed if the service ends before that, or time is up."""
        end = time.monotonic() + seconds
        while not ready():
            if not self.is_running():
                raise ServiceFailed(self.name, f"ended while it was starting{self._exit_code()}", self.log)
            if time.monotonic() > end:
                raise ServiceFailed(self.name, f"was not ready within {seconds:.0f} seconds", self.log)
            time.sleep(LOOK_AGAIN_AFTER_SECONDS)

    def _first_process(self) -> psutil.Process | None:
        if self.pid is None or self.started is None:
            return None
        return running_process(self.pid, self.started)

    def _exit_code(self) -> str:
        code = self.child.poll() if self.child else None
        return "" if code is None else f" (exit code {code})"


def running_process(pid: int, started: float) -> psutil.Process | None:
    """The process with this id if it is the one that started then; None if that has ended, though the id is in use."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _processes_with_key(key: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(KEY_VARIABLE) == key:
                found.append(process)
        except (psutil.Error, OSError):  # ended meanwhile, or somebody else's
            continue
    return found


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)  # psutil makes sure that the id still is this process
