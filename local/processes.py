"""Processes that outlive the command which started them, found and ended again without ever touching another's.

A process is known by its id and the time of its start, since ids are used again. What it has started itself is
known by a key: each service gets a random one in its environment, and children inherit it. Some write over their
environment, as Airflow's workers do; those are known by their parent, or by the session that the service began.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from local.errors import ServiceFailed

KEY_VARIABLE = "SYNC_PROCESS_KEY"
LOOK_AGAIN_AFTER_SECONDS = 0.1

# The start of a process is counted from the boot of the machine, whose time moves when the clock is set right.
SAME_START_SECONDS = 2.0

Processes = dict[int, psutil.Process]  # by id


@dataclass(frozen=True)
class Service:
    """One service that runs, or ran, or is about to.

    pid and started (seconds since the epoch) are those of its first process; None before it is started.
    key: what its processes have in their environment. log: the file that they write to.
    """

    name: str
    log: Path
    port: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    pid: int | None = None
    started: float | None = None
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
        return replace(self, pid=child.pid, started=psutil.Process(child.pid).create_time(), child=child)

    def is_running(self) -> bool:
        return self.first_process() is not None

    def first_process(self) -> psutil.Process | None:
        if self.pid is None or self.started is None:
            return None
        return running_process(self.pid, self.started)

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return once ready() is true. Raises ServiceFailed if the service ends before that, or time is up."""
        end = time.monotonic() + seconds
        while not ready():
            if not self.is_running():
                raise ServiceFailed(self.name, f"ended while it was starting{self._exit_code()}", self.log)
            if time.monotonic() > end:
                raise ServiceFailed(self.name, f"was not ready within {seconds:.0f} seconds", self.log)
            time.sleep(LOOK_AGAIN_AFTER_SECONDS)

    def wait_until_done(self, seconds: float) -> None:
        """For what runs once, in this command: return when it has ended well. Raises ServiceFailed otherwise."""
        try:
            code = self.child.wait(seconds) if self.child else None
        except subprocess.TimeoutExpired:
            raise ServiceFailed(self.name, f"was not done within {seconds:.0f} seconds", self.log) from None
        if code:
            raise ServiceFailed(self.name, f"failed (exit code {code})", self.log)

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


def stop(services: Collection[Service], patience: float = 30) -> None:
    """Ask all to end at once, wait for so many seconds, end what is left of them by force."""
    everything = processes_of(services)
    first = [process for service in services if (process := service.first_process())]
    for service in services:
        process = service.first_process()
        if process:
            _send([process], service.stop_signal)
    psutil.wait_procs(first, timeout=patience)
    # What is there still: those out of patience, and children that have left their parent or outlived it.
    for number in (signal.SIGTERM, signal.SIGKILL):
        everything |= processes_of(services)
        rest = [process for process in everything.values() if process.is_running()]
        _send(rest, number)
        psutil.wait_procs(rest, timeout=min(patience, 5))
    for service in services:
        if service.child:
            service.child.poll()


def processes_of(services: Iterable[Service]) -> Processes:
    """The first process of each, if it still runs, and all that have come from it."""
    services = list(services)
    found = _processes_with_key({service.key for service in services})
    for service in services:
        first = service.first_process()
        if first:
            found |= {process.pid: process for process in (first, *_children(first))}
        elif service.pid is not None:
            found |= _orphans(service.pid, service.log)
    return found


def _processes_with_key(keys: Collection[str]) -> Processes:
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # ended meanwhile, or somebody else's
            if process.pid != os.getpid() and process.environ().get(KEY_VARIABLE) in keys:
                found[process.pid] = process
    return found


def _orphans(session: int, log: Path) -> Processes:
    """Those of a session whose first process has ended, if they are the service's: its number is used again, too."""
    found: Processes = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # ended meanwhile, or somebody else's
            if os.getsid(process.pid) == session and Path(f"/proc/{process.pid}/fd/2").samefile(log):
                found |= {orphan.pid: orphan for orphan in (process, *_children(process))}
    return found


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)  # psutil makes sure that the id still is this process
