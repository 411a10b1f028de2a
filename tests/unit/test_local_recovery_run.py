"""Which run of recovery `make run` follows, and what becomes of it when it is interrupted or a server ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from local.__main__ import documents, ended_service, what_becomes_of
from local.airflow_api import AirflowApi
from local.errors import StackError
from local.home import Home
from local.ports import HOST, any_free_port
from local.processes import Service
from local.recovery_run import RECOVERY, end, start_or_join

D = date(2026, 3, 10)
UP_SINCE = datetime(2026, 3, 10, 3, tzinfo=UTC)
INDEX = "person_elastic_search_sync_job"


@dataclass
class Airflow:
    """Takes the place of Airflow's HTTP interface: active runs by DAG, what was started, what was failed."""

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


def active(run_id: str, began: datetime = UP_SINCE) -> dict[str, Any]:
    return {"dag_run_id": run_id, "run_after": began.isoformat().replace("+00:00", "Z")}


def test_a_recovery_that_is_at_work_is_joined() -> None:
    airflow = Airflow({RECOVERY: active("restart__1")})
    run, new = start_or_join(api(airflow), D, UP_SINCE)
    assert (run["dag_run_id"], new, airflow.failed) == ("restart__1", False, [])


def test_a_recovery_that_began_before_this_start_of_the_scheduler_is_ended_and_a_new_one_begun() -> None:
    before = UP_SINCE - timedelta(minutes=1)
    airflow = Airflow({RECOVERY: active("old", before), INDEX: active("recovery__old__1", before)})
    run, new = start_or_join(api(airflow), D, UP_SINCE)
    assert (run["dag_run_id"], new) == ("new", True)
    assert run["conf"] == {"run_date": "2026-03-10"}
    assert airflow.failed == [(RECOVERY, "old"), (INDEX, "recovery__old__1")]


def test_a_run_of_a_job_that_recovery_has_not_started_is_left_alone() -> None:
    airflow = Airflow({RECOVERY: active("old"), INDEX: active("manual__1")})
    end(api(airflow), "old")
    assert airflow.failed == [(RECOVERY, "old")]


def test_an_interrupt_ends_a_recovery_that_this_command_has_begun_and_says_so() -> None:
    airflow = Airflow({RECOVERY: active("mine")})
    assert "its run mine is marked as failed" in what_becomes_of(api(airflow), "mine", new=True)
    assert airflow.failed == [(RECOVERY, "mine")]


@pytest.mark.parametrize(("new", "answers"), [(False, True), (True, False)])
def test_an_interrupt_says_so_if_recovery_goes_on(new: bool, answers: bool) -> None:
    airflow = Airflow({RECOVERY: active("other")}, answers=answers)
    assert "goes on" in what_becomes_of(api(airflow), "other", new=new)
    assert airflow.failed == []


def test_a_search_that_does_not_answer_is_told_in_words() -> None:
    with pytest.raises(StackError, match=r"Elasticsearch at .* does not answer"):
        documents(f"http://{HOST}:{any_free_port()}")


def test_a_server_that_has_ended_is_named_with_its_log_and_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    assert ended_service(home) is None
    home.note_service(Service("PostgreSQL", home.log("postgres"), pid=2**22 + 1, started=1.0), "postgres")
    text = str(ended_service(home))
    assert "PostgreSQL has ended" in text
    assert str(home.log("postgres")) in text
    assert "make run" in text
    assert "{" not in text
