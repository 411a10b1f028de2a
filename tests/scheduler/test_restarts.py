"""Recovery after a restart, with real schedulers on a real metadata database: once, and only in the window."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.home import new_secrets
from local.ports import any_free_port
from local.postgres import Postgres
from local.processes import Service, stop
from sync_airflow.night_rules import latest_night
from sync_jobs.catalogue import JOBS
from tests.airflow_of_tests import AirflowOfTests, new_databases, sqlalchemy_url
from tests.scheduler.past_nights import add_success

WORDS = ("Recovery is triggered", "Recovery is not triggered", "recovery after a restart is off", "no recovery.")
# Without task slots, a triggered run stays queued or running, like one that takes long.
NO_TASKS = "UPDATE slot_pool SET slots = 0"


@dataclass
class Schedulers:
    """Schedulers with a metadata database, without the rest of Airflow."""

    airflow: AirflowOfTests
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
        return self.airflow.environment() | {"AIRFLOW__CORE__PARALLELISM": "1"}


@pytest.fixture
def schedulers(postgres_server: Postgres, tmp_path: Path) -> Iterator[Schedulers]:
    with new_databases(postgres_server, "UTC") as databases:
        dsn = postgres_server.dsn("airflow", databases.airflow)
        airflow = AirflowOfTests(
            home=tmp_path,
            logs=tmp_path / "logs",
            port=any_free_port(),
            database=sqlalchemy_url(dsn),
            secrets=new_secrets(),
            connections={},
        )
        airflow.prepare()
        with psycopg.connect(dsn, autocommit=True) as metadata:
            metadata.execute(NO_TASKS)
            schedulers = Schedulers(airflow, metadata, tmp_path, [])
            try:
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
