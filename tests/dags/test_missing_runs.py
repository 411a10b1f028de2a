"""A run with the logical date of a scheduled run, which Airflow then does not create."""

import inspect
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NoReturn

import pendulum
import pytest
from airflow.sdk import DAG
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DagRunTriggerException

from sync_airflow.tasks import missing_runs
from sync_airflow.tasks.missing_runs import ReplaceMissingRunOperator
from sync_jobs.catalogue import JOBS, Job, find_job
from tests.expected_jobs import DAG_IDS

D = date(2024, 2, 29)
OWNER = find_job("PersonOwnerRebuildJob")
TICK = datetime(2024, 2, 29, 0, 5, tzinfo=UTC)
DRY: dict[str, Any] = {"dry_run": True}


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[datetime, str]]:
    announced: list[tuple[datetime, str]] = []
    monkeypatch.setattr(missing_runs, "announce_missing_run", lambda _, *what: announced.append(what))
    return announced


def execute(
    monkeypatch: pytest.MonkeyPatch,
    *,
    job: Job = OWNER,
    run_type: str = "manual",
    run_id: str = "manual__1",
    logical_date: datetime | None = TICK,
    now: datetime = TICK + timedelta(minutes=1),
    **params: Any,
) -> NoReturn:
    monkeypatch.setattr(pendulum, "now", lambda _: now)
    with DAG("of_this_test", schedule=None):
        operator = ReplaceMissingRunOperator(job_name=job.name)
    run = SimpleNamespace(run_type=DagRunType(run_type), run_id=run_id, logical_date=logical_date, run_after=now)
    xcoms: dict[str, str] = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: xcoms.update({key: value}))
    context = {"dag_run": run, "params": {"dry_run": False} | params, "ti": ti}
    # Airflow refuses to execute an operator outside a task; this calls the method below that guard.
    inspect.unwrap(ReplaceMissingRunOperator.execute)(operator, context)
    raise AssertionError("nothing was asked of Airflow")


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.dag_id)
@pytest.mark.parametrize("params", [DRY, {}])
def test_a_manual_run_with_the_logical_date_of_tonight_starts_the_run_that_it_displaces(
    monkeypatch: pytest.MonkeyPatch, announced: list[tuple[datetime, str]], job: Job, params: dict[str, Any]
) -> None:
    tick = datetime.combine(D, job.at, tzinfo=UTC)
    with pytest.raises(DagRunTriggerException) as order:
        execute(monkeypatch, job=job, logical_date=tick, now=tick + timedelta(minutes=1), **params)
    run_id = f"in_place__2024-02-29T{job.at:%H:%M}:00+00:00"
    assert (order.value.trigger_dag_id, order.value.dag_run_id) == (job.dag_id, run_id)
    assert (order.value.run_after, order.value.logical_date, order.value.conf) == (tick, None, None)
    assert announced == [(tick, run_id)]


def test_a_run_before_the_tick_starts_the_run_that_it_will_displace(
    monkeypatch: pytest.MonkeyPatch, announced: list[tuple[datetime, str]]
) -> None:
    with pytest.raises(DagRunTriggerException) as order:
        execute(monkeypatch, now=TICK - timedelta(hours=3), **DRY)
    assert order.value.run_after == TICK
    assert len(announced) == 1


def test_a_run_that_displaces_a_night_to_come_fails_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, announced: list[tuple[datetime, str]]
) -> None:
    with pytest.raises(AirflowFailException, match=r"run of 2024-02-29 00:05 UTC, .* Delete the run manual__1 before"):
        execute(monkeypatch, now=TICK - timedelta(days=60))
    assert announced == []


@pytest.mark.parametrize(
    "other",
    [
        {"logical_date": None},
        {"logical_date": TICK + timedelta(seconds=1)},
        {"now": TICK + timedelta(days=1)},
        {"run_type": "scheduled", "run_id": "scheduled__1"},
        {"run_type": "backfill", "run_id": "backfill__1"},
        {"run_type": "operator_triggered", "run_id": "in_place__1"},
    ],
    ids=["no logical date", "not a tick", "an earlier night", "scheduled", "backfill", "already in place"],
)
def test_any_other_run_displaces_nothing(
    monkeypatch: pytest.MonkeyPatch, announced: list[tuple[datetime, str]], other: dict[str, Any]
) -> None:
    with pytest.raises(AirflowSkipException):
        execute(monkeypatch, **other)
    assert announced == []


@pytest.mark.usefixtures("announced")
@pytest.mark.parametrize(
    "params", [DRY, {"date_override": "ANY"}, {"run_date": "2020-01-01"}, {"run_date": "01/01/2020"}], ids=str
)
def test_a_backfill_that_does_other_work_displaces_the_night_too(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any]
) -> None:
    with pytest.raises(DagRunTriggerException):
        execute(monkeypatch, run_type="backfill", run_id="backfill__1", **params)


@pytest.mark.parametrize("params", [{}, {"run_date": D.isoformat()}, {"date_override": " "}], ids=str)
def test_a_backfill_that_does_the_work_of_its_night_displaces_nothing(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any]
) -> None:
    with pytest.raises(AirflowSkipException):
        execute(monkeypatch, run_type="backfill", run_id="backfill__1", **params)


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_every_job_replaces_a_missing_run_even_if_its_own_run_fails(dags: dict[str, DAG], dag_id: str) -> None:
    task = dags[dag_id].get_task("replace_missing_run")
    assert isinstance(task, ReplaceMissingRunOperator)
    assert (task.trigger_dag_id, task.upstream_task_ids, task.downstream_task_ids) == (dag_id, {"run_job"}, set())
    assert task.trigger_rule == "none_skipped"
