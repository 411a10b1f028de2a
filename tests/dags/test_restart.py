"""Recovery after a restart, with real schedulers on a real metadata database: once, and only in the window."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow.jobs.job import Job

from local.airflow import USERS, Airflow
from local.ports import any_free_port
from local.postgres import Postgres
from local.processes import Service, stop
from sync_airflow.night_rules import latest_night
from sync_airflow.restart import listener
from sync_airflow.settings import recovery_skips_fine_night, recovery_window
from sync_jobs.catalogue import JOBS
from tests.conftest import new_database
from tests.scheduler.past_nights import add_success

WORDS = ("Recovery is triggered", "Recovery is not triggered", "recovery after a restart is off", "no recovery.")
# Without task slots, a triggered run stays queued or running, like one that takes long.
NO_TASKS = "UPDATE slot_pool SET slots = 0"
MAKE_DATABASE = "from airflow.utils import db; db.upgradedb()"


@dataclass
class Schedulers:
    """Schedulers with a metadata database, without the rest of Airflow."""

    airflow: Airflow
    metadata: "psycopg.Connection[Any]"
    folder: Path
    services: list[Service]

    def start(self, window: str, zone: str = "UTC") -> Service:
        name = f"scheduler-{len(self.services)}"
        service = Service(name, self.folder / f"{name}.log")
        environment = self.environment() | {"AIRFLOW__TIS_SYNC__RECOVERY_WINDOW": window, "TZ": zone}
        command = [sys.executable, "-m", "airflow", "scheduler", "--skip-serve-logs"]
        self.services.append(service.start(command, environment, self.folder))
        return self.services[-1]

    def run(self, *arguments: str, **settings: str) -> None:
        """Run a Python process to its end."""
        service = Service(arguments[0], self.folder / "commands.log")
        environment = self.environment() | settings
        service.start([sys.executable, *arguments], environment, self.folder).wait_until_done(120)

    def restart_recovery(self, **settings: str) -> str:
        """Run the process that a starting scheduler would start, and return its last line."""
        now = datetime.now(UTC).isoformat()
        self.run("-m", "sync_airflow.restart.recovery_trigger", now, **settings)
        return (self.folder / "commands.log").read_text().splitlines()[-1]

    def answer(self, service: Service) -> str:
        """The line in which a scheduler says what it did about recovery."""
        return self.line(service, WORDS)

    def line(self, service: Service, words: tuple[str, ...]) -> str:
        service.wait_until(lambda: any(word in service.log.read_text() for word in words), 90)
        return next(line for line in service.log.read_text().splitlines() if any(word in line for word in words))

    def recovery_runs(self) -> list[str]:
        return [run_id for (run_id,) in self.metadata.execute("SELECT run_id FROM dag_run WHERE dag_id = 'recovery'")]

    def environment(self) -> dict[str, str]:
        # Without the variables of the tests' own Airflow.
        return self.airflow.environment() | {"AIRFLOW__CORE__PARALLELISM": "1"}


@pytest.fixture
def metadata_dsn(postgres_server: Postgres) -> Iterator[str]:
    """The DSN of a separate database: other tests could not use it after NO_TASKS."""
    with new_database(postgres_server, "airflow") as name:
        yield postgres_server.dsn("airflow", name)


@pytest.fixture
def schedulers(metadata_dsn: str, tmp_path: Path) -> Iterator[Schedulers]:
    keys = ("fernet_key", "api_secret_key", "jwt_secret", *USERS)
    airflow = Airflow(
        home=tmp_path,
        logs=tmp_path / "logs",
        port=any_free_port(),
        database=metadata_dsn.replace("postgresql:", "postgresql+psycopg2:"),
        secrets={key: secrets.token_urlsafe(48) for key in keys} | {"fernet_key": ""},
        connections={},
    )
    with psycopg.connect(metadata_dsn, autocommit=True) as metadata:
        schedulers = Schedulers(airflow, metadata, tmp_path, [])
        try:
            schedulers.run("-c", MAKE_DATABASE)
            metadata.execute(NO_TASKS)
            yield schedulers
        finally:
            stop(schedulers.services, patience=5)


def window(starts_in: timedelta, ends_in: timedelta) -> str:
    now = datetime.now(UTC)
    return f"{now + starts_in:%H:%M:%S}-{now + ends_in:%H:%M:%S}"


def test_schedulers_that_start_in_the_window_trigger_recovery_once_for_each_restart(schedulers: Schedulers) -> None:
    hour = timedelta(hours=1)
    open_now, closed_now = window(-hour, hour), window(hour, 2 * hour)

    # The very first start, of two schedulers at once: the DAG is unknown, then known and paused, then unpaused.
    both = [schedulers.start(open_now), schedulers.start(open_now, zone="Pacific/Auckland")]
    for scheduler in both:
        assert "triggering recovery" in schedulers.line(scheduler, ("triggering recovery", *WORDS))
    schedulers.run("-m", "airflow", "dags", "reserialize")
    schedulers.metadata.execute("UPDATE dag SET is_paused = FALSE WHERE dag_id = 'recovery'")
    answers = sorted(schedulers.answer(scheduler).partition("Recovery is ")[2] for scheduler in both)
    (run_id,) = schedulers.recovery_runs()
    assert answers[0].startswith(f"not triggered: its run {run_id} exists already")
    assert answers[1].startswith(f"triggered: {run_id}")
    stop(both, patience=5)

    # That run is still active: the next start, in another zone, triggers nothing; nor does one outside the window.
    third, outside = schedulers.start(open_now, zone="Pacific/Auckland"), schedulers.start(closed_now)
    assert f"its run {run_id} exists already" in schedulers.answer(third)
    assert "outside " in schedulers.answer(outside)
    stop([third, outside], patience=5)

    # The run has ended, and somebody has paused the DAG.
    schedulers.metadata.execute("UPDATE dag_run SET state = 'failed' WHERE dag_id = 'recovery'")
    schedulers.metadata.execute("UPDATE dag SET is_paused = TRUE WHERE dag_id = 'recovery'")
    assert "Recovery is not triggered: the DAG recovery is paused." in schedulers.restart_recovery()
    assert schedulers.recovery_runs() == [run_id]

    # The DAG is unpaused: the next restart triggers recovery again.
    schedulers.metadata.execute("UPDATE dag SET is_paused = FALSE WHERE dag_id = 'recovery'")
    assert "Recovery is triggered" in schedulers.answer(schedulers.start(open_now))
    assert len(schedulers.recovery_runs()) == 2

    # All jobs of the night are done: a restart repeats them, unless the setting says otherwise.
    stop(schedulers.services, patience=5)
    schedulers.metadata.execute("UPDATE dag_run SET state = 'failed' WHERE dag_id = 'recovery'")
    skip = {"AIRFLOW__TIS_SYNC__RECOVERY_SKIPS_FINE_NIGHT": "True"}
    night = latest_night(datetime.now(UTC))
    *jobs, last = JOBS
    for job in jobs:
        add_success(schedulers.metadata, job, datetime.combine(night, job.at, UTC))
    assert "Recovery is triggered" in schedulers.restart_recovery(**skip)
    schedulers.metadata.execute("UPDATE dag_run SET state = 'failed' WHERE dag_id = 'recovery'")
    add_success(schedulers.metadata, last, datetime.combine(night, last.at, UTC))
    assert f"Recovery is not triggered: the night of {night} is fine." in schedulers.restart_recovery(**skip)
    assert len(schedulers.recovery_runs()) == 3
    assert "Recovery is triggered" in schedulers.restart_recovery()


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
