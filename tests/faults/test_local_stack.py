"""Failures while the local stack is started or stopped, with real servers."""

import fcntl
import signal
import socket
import subprocess

import psutil
import pytest

from local.home import Home
from local.ports import HOST
from local.processes import Service
from local.stack import PATIENCE_SECONDS
from tests.command_line import CommandLine, writers_of
from tests.waiting import wait_for


def test_a_taken_port_that_was_requested_is_an_error_and_nothing_is_started(command_line: CommandLine) -> None:
    with socket.create_server((HOST, int(command_line.environment["SYNC_AIRFLOW_PORT"]))):
        code, output = command_line.run("up")
    assert code == 1
    assert "SYNC_AIRFLOW_PORT" in output
    assert "is taken" in output
    assert command_line.look() == {}


def test_an_invalid_setting_is_an_error_of_one_line(command_line: CommandLine) -> None:
    command_line.environment["SYNC_DEMO_PERSONS"] = "many"
    code, output = command_line.run("run")
    assert code == 1
    assert output == "SYNC_DEMO_PERSONS must be a whole number from 0 to 100000000, not 'many'.\n"


def test_a_service_that_fails_is_named_with_its_log_and_the_others_are_stopped(command_line: CommandLine) -> None:
    """The data folder is that of a much older PostgreSQL."""
    command_line.home.prepare()
    data = command_line.home.folder / "postgres"
    data.mkdir(mode=0o700)
    (data / "PG_VERSION").write_text("9\n")
    code, output = command_line.run("up")
    assert code == 1
    assert "PostgreSQL stopped while it was starting" in output
    assert str(command_line.home.log("postgres")) in output
    # It fails before the services can be observed, so Elasticsearch is found by its log.
    assert command_line.home.log("elasticsearch").exists()
    assert writers_of(command_line.home.log("elasticsearch")) == []
    assert command_line.home.services() == {}


@pytest.mark.parametrize(("number", "begun"), [(signal.SIGINT, "elasticsearch"), (signal.SIGTERM, "airflow-setup")])
def test_an_interrupt_during_the_start_leaves_nothing(
    command_line: CommandLine, number: signal.Signals, begun: str
) -> None:
    process = command_line.begin("up")
    command_line.wait_for(lambda services: begun in services and services[begun].pid is not None)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Interrupted" in output
    assert command_line.left_running() == []
    assert command_line.home.services() == {}
    assert command_line.home.stack() == {}


def test_another_process_with_the_id_of_a_service_is_not_stopped(command_line: CommandLine) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        started = psutil.Process(other.pid).create_time() - 3600
        command_line.home.prepare()
        stale = Service("PostgreSQL", command_line.home.log("postgres"), 5432, pid=other.pid, started=started)
        command_line.home.note_service(stale, "postgres")
        code, output = command_line.run("down")
        assert other.poll() is None
        other.kill()
    assert code == 0, output
    assert "Nothing was running" in output
    assert command_line.home.services() == {}


def test_a_triggerer_that_waits_for_another_signal_gets_it_soon(command_line: CommandLine) -> None:
    command_line.home.prepare()
    script = (
        "trap 'date +%s; signals=$signals.; [ $signals = . ] || exit' TERM; echo ready; while :; do sleep 0.05; done"
    )
    service = Service("Airflow triggerer", command_line.home.log("triggerer"))
    service = service.start(["sh", "-c", script], command_line.environment, command_line.home.folder)
    command_line.home.note_service(service, "triggerer")
    wait_for("its trap", lambda: "ready" in service.log.read_text())
    code, output = command_line.run("down")
    assert code == 0, output
    _, first, second = service.log.read_text().splitlines()
    assert int(second) - int(first) < PATIENCE_SECONDS / 2
    assert command_line.left_running() == []


def test_a_command_waits_while_another_one_changes_the_stack(command_line: CommandLine) -> None:
    command_line.home.prepare()
    with (command_line.home.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = command_line.begin("down")
        assert process.stdout
        assert "waiting for it" in process.stdout.readline()
        assert process.poll() is None
        fcntl.flock(lock, fcntl.LOCK_UN)
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_the_status_of_a_stopped_stack_has_exit_code_1(command_line: CommandLine) -> None:
    code, output = command_line.run("status")
    assert code == 1
    assert output.count("not running") == 6


def test_clean_deletes_nothing_that_the_stack_did_not_create(command_line: CommandLine) -> None:
    command_line.home.folder.mkdir()
    (command_line.home.folder / "postgres").mkdir()
    code, output = command_line.run("clean")
    assert code == 1
    assert "nothing is deleted" in output
    assert (command_line.home.folder / "postgres").exists()


def test_clean_deletes_what_the_stack_created(command_line: CommandLine) -> None:
    Home(command_line.home.folder).prepare()
    code, output = command_line.run("clean")
    assert code == 0
    assert "Stopped" not in output
    assert not command_line.home.folder.exists()
