"""A service is identified by more than a process id, and stopped with all its descendants."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.errors import ServiceFailed
from local.processes import (
    KEY_VARIABLE,
    OWNER_VARIABLE,
    NotReady,
    Service,
    processes_of,
    running_process,
    stop,
    stop_owned,
)

# A service that ignores SIGTERM. Its child runs in a session of its own; it prints the child's id.
WITH_CHILD = """
import signal, subprocess, sys, time
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(child.pid, flush=True)
time.sleep(60)
"""

# The child changes its title to a longer one, as Airflow's workers do.
WITH_CHILD_OF_ANOTHER_TITLE = """
import os, setproctitle, time
if os.fork() == 0:
    setproctitle.setproctitle("x" * 100_000)
    print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def bystander() -> Iterator[psutil.Process]:
    """A process that belongs to no service."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield psutil.Process(process.pid)
        process.kill()


def start(tmp_path: Path, program: str) -> Service:
    return Service("A service", tmp_path / "log").start([sys.executable, "-c", program], os.environ, tmp_path)


def child_of(service: Service) -> psutil.Process:
    while not service.log.read_text().strip():
        time.sleep(0.01)
    return psutil.Process(int(service.log.read_text()))


def kill_alone(service: Service) -> None:
    """Kill its first process, but not its children."""
    psutil.Process(service.pid).kill()
    assert service.child
    service.child.wait()


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_process_is_found_by_its_id_and_start_time(bystander: psutil.Process) -> None:
    assert running_process(bystander.pid, bystander.create_time()) == bystander


def test_another_process_with_the_same_id_is_not_the_service(tmp_path: Path, bystander: psutil.Process) -> None:
    service = Service("A service", tmp_path / "log", pid=bystander.pid, started=bystander.create_time() - 3600)
    assert not service.is_running()
    assert processes_of([service]) == {}
    stop([service], patience=1)
    assert bystander.is_running()


def test_a_service_that_was_never_started_is_not_running(tmp_path: Path) -> None:
    service = Service("A service", tmp_path / "log")
    assert not service.is_running()
    stop([service], patience=1)


def test_it_is_killed_with_its_children_if_it_ignores_the_signal(tmp_path: Path) -> None:
    service = start(tmp_path, WITH_CHILD)
    child = child_of(service)
    stop([service], patience=0.2)
    assert not service.is_running()
    assert gone(child)


def test_children_that_outlive_it_are_found_by_their_key(tmp_path: Path) -> None:
    service = start(tmp_path, WITH_CHILD)
    child = child_of(service)
    kill_alone(service)
    assert not service.is_running()
    stop([service], patience=1)
    assert gone(child)


def test_children_that_outlive_it_and_change_their_title_are_found_by_their_key(tmp_path: Path) -> None:
    service = start(tmp_path, WITH_CHILD_OF_ANOTHER_TITLE)
    child = child_of(service)
    kill_alone(service)
    assert child.environ()[KEY_VARIABLE] == service.key
    stop([service], patience=1)
    assert gone(child)


def test_an_owner_is_stopped_with_the_owners_that_it_has_started_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned = {}
    for owner in ("one", "one/two", "one-and-a-half", "two"):
        monkeypatch.setenv(OWNER_VARIABLE, owner)
        owned[owner] = start(tmp_path / owner, WITH_CHILD)
        child_of(owned[owner])
    monkeypatch.delenv(OWNER_VARIABLE)
    free = start(tmp_path / "free", WITH_CHILD)
    assert OWNER_VARIABLE not in psutil.Process(free.pid).environ()
    child_of(free)
    stop_owned("one", patience=0.2)
    assert {owner for owner, service in owned.items() if service.is_running()} == {"one-and-a-half", "two"}
    stop([*owned.values(), free], patience=0.2)


def test_a_service_that_stops_while_it_starts_is_named_with_the_last_lines_of_its_log(tmp_path: Path) -> None:
    service = start(tmp_path, "print('first'); print('the disk is full'); raise SystemExit(3)")
    with pytest.raises(ServiceFailed) as failure:
        service.wait_until(lambda: False, seconds=30)
    assert "A service stopped while it was starting (exit code 3)" in str(failure.value)
    assert "the disk is full" in str(failure.value)
    assert str(tmp_path / "log") in str(failure.value)


def test_a_service_that_is_not_ready_in_time_is_named(tmp_path: Path) -> None:
    service = start(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(ServiceFailed, match="A service was not ready within"):
        service.wait_until(lambda: False, seconds=0.3)
    stop([service], patience=5)


def test_a_service_that_is_not_ready_in_time_is_named_with_the_last_reason(tmp_path: Path) -> None:
    def refuse() -> bool:
        raise NotReady("server does not support SSL")

    service = start(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(ServiceFailed, match=r"was not ready within 0 seconds: server does not support SSL\.\n"):
        service.wait_until(refuse, seconds=0.3)
    stop([service], patience=5)


@pytest.mark.parametrize(
    "line",
    [
        "STATEMENT:  ALTER ROLE \"tcs\" LOGIN PASSWORD 'topsecret'",
        "statement: create role tcs login password 'topsecret'",
        "connecting to postgresql+psycopg2://airflow:topsecret@127.0.0.1:5432/airflow",
    ],
)
def test_the_lines_of_a_log_that_an_error_shows_have_no_password(tmp_path: Path, line: str) -> None:
    log = tmp_path / "log"
    log.write_text(f"{line}\n")
    text = str(ServiceFailed("PostgreSQL", "stopped", log))
    assert "topsecret" not in text
    assert "***" in text
