"""Which recovery `make run` follows, and what happens to it after an interrupt or if a server stops."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from local.__main__ import SCHEDULER, after_interrupt, documents, running_stack, stopped_meanwhile, stopped_service
from local.airflow_api import AirflowApi
from local.errors import StackError
from local.home import Home
from local.ports import HOST, any_free_port
from local.processes import Service
from local.recovery_run import end, start_or_join
from sync_airflow.dag_ids import RECOVERY

D = date(2026, 3, 10)
SCHEDULER_STARTED = datetime(2026, 3, 10, 3, tzinfo=UTC)
INDEX = "person_elastic_search_sync_job"


@dataclass
class Airflow:
    """Stands in for Airflow's REST API: the active runs by DAG, and the runs that were marked as failed."""

    active: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)
    answers: bool = True

    def active_run(self, dag_id: str) -> dict[str, Any] | None:
        return self.active.get(dag_id)

    def start_run(self, dag_id: str, conf: Mapping[str, Any]) -> dict[str, Any]:
        return {"dag_run_id": "new", "dag_id": dag_id, "conf": conf}

    def fail_run(self, dag_id: str, run_id: str) -> None:
        if not self.answers:
            raise StackError("Airflow does not answer")
        self.failed.append((dag_id, run_id))
        del self.active[dag_id]


def api(airflow: Airflow) -> AirflowApi:
    return cast(AirflowApi, airflow)


def active(run_id: str, began: datetime = SCHEDULER_STARTED) -> dict[str, Any]:
    return {"dag_run_id": run_id, "run_after": began.isoformat().replace("+00:00", "Z")}


def test_a_running_recovery_is_joined() -> None:
    airflow = Airflow({RECOVERY: active("restart__1")})
    run, new = start_or_join(api(airflow), D, SCHEDULER_STARTED)
    assert (run["dag_run_id"], new, airflow.failed) == ("restart__1", False, [])


def test_a_recovery_of_an_earlier_scheduler_is_stopped_and_a_new_one_started() -> None:
    before = SCHEDULER_STARTED - timedelta(minutes=1)
    airflow = Airflow({RECOVERY: active("old", before), INDEX: active("recovery__old__1", before)})
    run, new = start_or_join(api(airflow), D, SCHEDULER_STARTED)
    assert (run["dag_run_id"], new) == ("new", True)
    assert run["conf"] == {"run_date": "2026-03-10"}
    assert airflow.failed == [(RECOVERY, "old"), (INDEX, "recovery__old__1")]


def test_a_manual_run_of_a_job_is_not_stopped_with_recovery() -> None:
    airflow = Airflow({RECOVERY: active("old"), INDEX: active("manual__1")})
    end(api(airflow), "old")
    assert airflow.failed == [(RECOVERY, "old")]


def test_an_interrupt_stops_a_recovery_that_this_command_started() -> None:
    airflow = Airflow({RECOVERY: active("mine")})
    assert "its run mine is marked as failed" in after_interrupt(api(airflow), "mine", new=True)
    assert airflow.failed == [(RECOVERY, "mine")]


@pytest.mark.parametrize(("new", "answers"), [(False, True), (True, False)])
def test_an_interrupt_says_if_recovery_continues(new: bool, answers: bool) -> None:
    airflow = Airflow({RECOVERY: active("other")}, answers=answers)
    assert "continues" in after_interrupt(api(airflow), "other", new=new)
    assert airflow.failed == []


def test_an_elasticsearch_that_does_not_answer_is_a_clear_error() -> None:
    with pytest.raises(StackError, match=r"Elasticsearch at .* does not answer"):
        documents(f"http://{HOST}:{any_free_port()}", "persons")


def test_a_stopped_server_is_named_with_its_log_and_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    assert stopped_service(home) is None
    home.note_service(Service("PostgreSQL", home.log("postgres"), pid=2**22 + 1, started=1.0), "postgres")
    text = str(stopped_service(home))
    assert "PostgreSQL stopped while the jobs were running" in text
    assert str(home.log("postgres")) in text
    assert "make run" in text
    assert "{" not in text


@pytest.fixture
def running(tmp_path: Path) -> Home:
    """A home whose stack has been started."""
    home = Home(tmp_path / "home")
    home.prepare()
    home.note_service(Service("Airflow's scheduler", home.log("scheduler"), pid=2**22 + 1, started=1.0), SCHEDULER)
    home.write_stack({"airflow_url": "http://127.0.0.1:9"})
    return home


def test_a_server_that_stopped_by_itself_was_not_stopped_by_another_command(running: Home) -> None:
    assert stopped_meanwhile(running, running.services()) is None
    assert running_stack(running) == {"airflow_url": "http://127.0.0.1:9"}


def test_a_stack_that_another_command_is_stopping_is_said_to_be_stopped(running: Home) -> None:
    services = running.services()
    running.remove_stack()
    assert "The stack was stopped by another command (make down" in str(stopped_meanwhile(running, services))
    with pytest.raises(StackError, match="stopped by another command"):
        running_stack(running)


def test_a_stack_that_was_stopped_and_started_again_is_said_to_be_stopped(running: Home) -> None:
    services = running.services()
    running.note_service(Service("Airflow's scheduler", running.log("scheduler")), SCHEDULER)
    assert "stopped by another command" in str(stopped_meanwhile(running, services))


def test_a_stack_whose_data_was_deleted_is_said_to_be_stopped(running: Home) -> None:
    services = running.services()
    running.delete()
    assert "stopped by another command" in str(stopped_meanwhile(running, services))
