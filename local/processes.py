"""Processes that outlive the command that started them. A later command finds and stops these processes, and no others.

A process is identified by its id and its start time, because ids are reused. Its descendants are found by a random
key in their environment, which children inherit, and as children of a process that is still running.
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
# Set by tests for all that they start, at any depth. Elsewhere it is not set: the servers of `make up` have no owner.
# An owner that another one has started is named by a path, such as one/two.
OWNER_VARIABLE = "SYNC_PROCESS_OWNER"
# Some processes change their title, such as Airflow's. This keeps setproctitle from overwriting their environment.
KEPT_ENVIRONMENT = {"SPT_NOENV": "1"}
POLL_SECONDS = 0.1

# The start time is counted from the boot of the machine, so it moves when the machine's clock is corrected.
SAME_START_SECONDS = 2.0

Processes = dict[int, psutil.Process]  # by id


class NotReady(Exception):
    """A service is not ready yet, for this reason."""


@dataclass(frozen=True)
class Service:
    """One service: not started yet, running, or stopped.

    pid and started (seconds since the epoch) are those of its first process; None before the start.
    key: in the environment of all its processes. log: the file that they write to.
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
        """Start it in its own session, out of reach of a Ctrl-C on the terminal. Returns the service with its pid."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                [str(part) for part in command],
                env={**environment, **KEPT_ENVIRONMENT, **owner_variable(), KEY_VARIABLE: self.key},
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
        """Wait until ready() is true. Raises ServiceFailed if the service stops before that, or on timeout, or if it is
        another server that answers on its port.

        ready may raise NotReady: the error of a timeout then says the last reason.
        """
        end = time.monotonic() + seconds
        while True:
            reason = ""
            try:
                if ready():
                    self._refuse_other_server()
                    return
            except NotReady as error:
                reason = f": {error}"
            if not self.is_running():
                raise ServiceFailed(self.name, f"stopped while it was starting{self._exit_code()}", self.log)
            if time.monotonic() > end:
                raise ServiceFailed(self.name, f"was not ready within {seconds:.0f} seconds{reason}", self.log)
            time.sleep(POLL_SECONDS)

    def _refuse_other_server(self) -> None:
        """The port was free when it was chosen, but another program may have taken it before this service could."""
        if self.port is not None and not _listens(processes_of([self]).values(), self.port):
            raise ServiceFailed(
                self.name,
                f"could not use port {self.port}, because another program has taken it meanwhile. Start again: another "
                "port is chosen, unless a variable requests this one",
                self.log,
            )

    def wait_until_done(self, seconds: float) -> None:
        """Wait for the end of a program that this command has started. Raises ServiceFailed if it fails."""
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
    """The process with this id if it started at that time; None if it has ended, even if the id is in use again."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < SAME_START_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def owner_variable() -> dict[str, str]:
    """The owner of what this process starts, as an environment variable; empty if nobody has set one."""
    return {name: value for name, value in os.environ.items() if name == OWNER_VARIABLE}


def stop(services: Collection[Service], patience: float = 30) -> None:
    """Send each service its stop signal, wait up to `patience` seconds, then kill the processes that remain."""
    everything = processes_of(services)
    first = [process for service in services if (process := service.first_process())]
    for service in services:
        process = service.first_process()
        if process:
            _send([process], service.stop_signal)
    psutil.wait_procs(first, timeout=patience)
    # What may still be running: services that did not stop in time, and children that outlived their parent.
    _end(lambda: processes_of(services), everything, min(patience, 5))
    for service in services:
        if service.child:
            service.child.poll()


def stop_owned(owner: str, patience: float = 3) -> None:
    """Stop all processes of an owner; kill those that are running after `patience` seconds."""
    _end(lambda: processes_owned_by(owner), {}, patience)


def _end(find: Callable[[], Processes], everything: Processes, patience: float) -> None:
    """Send SIGTERM, later SIGKILL, to everything and to the processes that find() returns at each of these times."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        everything |= find()
        rest = [process for process in everything.values() if process.is_running()]
        _send(rest, number)
        psutil.wait_procs(rest, timeout=patience)


def processes_of(services: Iterable[Service]) -> Processes:
    """All running processes of these services: the first process of each and its descendants."""
    services = list(services)
    keys = {service.key for service in services}
    found = processes_that(lambda process: process.environ().get(KEY_VARIABLE) in keys)
    found.pop(os.getpid(), None)  # a command that a service runs, such as a test
    first = [process for service in services if (process := service.first_process())]
    return found | _with_children(first)


def processes_owned_by(owner: str) -> Processes:
    """All running processes of this owner and of the owners that it has started, and their children; not this one."""
    found = processes_that(lambda process: f"{process.environ().get(OWNER_VARIABLE, '')}/".startswith(f"{owner}/"))
    found = _with_children(found.values())
    found.pop(os.getpid(), None)
    return found


def _listens(processes: Iterable[psutil.Process], port: int) -> bool:
    """Whether one of the processes accepts connections on this port."""
    for process in processes:
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            sockets = process.net_connections(kind="tcp")
            if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets):
                return True
    return False


def processes_that(condition: Callable[[psutil.Process], bool]) -> Processes:
    """All running processes that meet a condition. A process that may not be inspected does not."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # it ended meanwhile, or belongs to another user
            if condition(process):
                found[process.pid] = process
    return found


def _with_children(processes: Iterable[psutil.Process]) -> Processes:
    found = {}
    for process in processes:
        found[process.pid] = process
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= {child.pid: child for child in process.children(recursive=True)}
    return found


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)  # psutil checks that the id still belongs to this process
