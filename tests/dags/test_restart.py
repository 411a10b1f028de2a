"""What the listener does when a component of Airflow starts; tests/scheduler/test_restarts.py has real schedulers."""

import subprocess
import sys
from typing import Any

import pytest
from airflow.jobs.job import Job

from sync_airflow.restart import listener
from sync_airflow.settings import recovery_skips_fine_night, recovery_window


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the listener would start as processes."""
    commands: list[list[str]] = []

    class Process:
        def __init__(self, command: list[str], **_: Any) -> None:
            commands.append(command)

        def wait(self) -> None: ...

    monkeypatch.setattr(subprocess, "Popen", Process)
    return commands


def start(monkeypatch: pytest.MonkeyPatch, *arguments: str, component: object, window: str) -> None:
    monkeypatch.setattr(sys, "argv", ["airflow", *arguments])
    monkeypatch.setenv("AIRFLOW__TIS_SYNC__RECOVERY_WINDOW", window)
    listener.on_starting(component)


ALWAYS = "00:00-00:00"
JOB = Job.__new__(Job)  # as Airflow passes it, before its type is set


def test_only_the_start_of_a_scheduler_starts_a_process(
    monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    for arguments, component in (
        (("dag-processor",), JOB),
        (("triggerer",), JOB),
        (("dags", "list"), JOB),
        ((), JOB),
        (("scheduler",), object()),  # a task in a worker that was forked from the scheduler
    ):
        start(monkeypatch, *arguments, component=component, window=ALWAYS)
    assert started == []
    start(monkeypatch, "scheduler", "--skip-serve-logs", component=JOB, window=ALWAYS)
    assert [command[1:3] for command in started] == [["-m", "sync_airflow.restart.recovery_trigger"]]


def test_a_window_that_is_off_starts_nothing(monkeypatch: pytest.MonkeyPatch, started: list[list[str]]) -> None:
    start(monkeypatch, "scheduler", component=JOB, window="off")
    assert started == []


def test_an_error_is_one_line_in_the_log_and_the_scheduler_starts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, started: list[list[str]]
) -> None:
    start(monkeypatch, "scheduler", component=JOB, window="at night")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: (_ for _ in ()).throw(OSError("no memory")))
    start(monkeypatch, "scheduler", component=JOB, window=ALWAYS)
    assert started == []
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 2
    assert "AIRFLOW__TIS_SYNC__RECOVERY_WINDOW: 'at night': expected a window such as 00:00-07:00" in errors[0]
    assert "OSError: no memory" in errors[1]


def test_without_a_setting_the_window_is_from_midnight_to_seven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__TIS_SYNC__RECOVERY_WINDOW", raising=False)
    assert str(recovery_window()) == "00:00:00-07:00:00 UTC"


def test_without_a_setting_a_restart_repeats_a_night_that_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__TIS_SYNC__RECOVERY_SKIPS_FINE_NIGHT", raising=False)
    assert recovery_skips_fine_night() is False
    monkeypatch.setenv("AIRFLOW__TIS_SYNC__RECOVERY_SKIPS_FINE_NIGHT", "maybe")
    with pytest.raises(ValueError, match="AIRFLOW__TIS_SYNC__RECOVERY_SKIPS_FINE_NIGHT: 'maybe': expected True or"):
        recovery_skips_fine_night()
