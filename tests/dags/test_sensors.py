"""When a sensor waits, passes, fails, continues or skips itself."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Self, cast

import pendulum
import pytest
from airflow.providers.standard.triggers.external_task import WorkflowTrigger
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.triggers.base import TriggerEvent

from sync_airflow.night_rules import Success
from sync_airflow.tasks.past_successes import asset_of
from sync_airflow.tasks.sensors import NightlyJobSensor
from sync_airflow.tasks.triggers import RECHECK, NightlyRunTrigger
from sync_jobs.catalogue import find_job

INDEX = find_job("PersonElasticSearchSyncJob")
OWNER = find_job("PersonOwnerRebuildJob")
EMPLOYING = find_job("PersonPlacementEmployingBodyTrustJob")
TRAINING = find_job("PersonPlacementTrainingBodyTrustJob")
D = date(2024, 2, 29)
TICK = datetime(2024, 2, 29, 1, 29, tzinfo=UTC)
UPSTREAM_TICK = datetime(2024, 2, 29, 0, 5, tzinfo=UTC)


class Events(list[SimpleNamespace]):
    def ascending(self, _: object) -> Self:
        return self

    def limit(self, _: object) -> Self:
        return self


@dataclass
class TaskInstance:
    """Answers the queries of a sensor: the upstream DAG, and how many runs of its tick there are."""

    runs: int = 1
    is_paused: bool = False
    next_dagrun: datetime = UPSTREAM_TICK + timedelta(days=1)
    start_date: datetime = TICK
    xcoms: dict[str, str] = field(default_factory=dict)

    def xcom_push(self, key: str, value: str) -> None:
        self.xcoms[key] = value

    def get_dag(self, dag_id: str) -> Self:
        assert dag_id == OWNER.dag_id
        return self

    def get_dr_count(self, dag_id: str, logical_dates: list[datetime]) -> int:
        assert (dag_id, logical_dates) == (OWNER.dag_id, [UPSTREAM_TICK])
        return self.runs


def sensor(*, any_end: bool = False) -> NightlyJobSensor:
    return NightlyJobSensor(task_id="wait", job_name=INDEX.name, upstream_name=OWNER.name, any_end=any_end)


def context(
    *,
    run_type: str = "scheduled",
    own: Sequence[Success] = (),
    upstream: Sequence[Success] = (),
    others: Sequence[Success] = (),
    **asked: Any,
) -> Context:
    def events(successes: Sequence[Success]) -> Events:
        return Events(SimpleNamespace(extra=success.as_extra()) for success in successes)

    run = SimpleNamespace(
        run_type=run_type, run_id="scheduled__1", logical_date=TICK, run_after=TICK, start_date=TICK, clear_number=0
    )
    context = {
        "dag_run": run,
        "logical_date": TICK,
        "ti": TaskInstance(**asked),
        "inlet_events": {
            asset_of(INDEX): events(own),
            asset_of(OWNER): events(upstream),
            asset_of(EMPLOYING): events(others[:1]),
            asset_of(TRAINING): events(others[1:]),
        },
    }
    return cast(Context, context)


def execute(operator: NightlyJobSensor, of: Context) -> object:
    # Airflow refuses to execute an operator outside a task; this calls the method below that guard.
    return inspect.unwrap(NightlyJobSensor.execute)(operator, of)


def recovered(minute: int) -> Success:
    started = datetime(2024, 2, 29, 0, minute, tzinfo=UTC)
    return Success(run_id="recovery__1", run_date=D, own_date=D, started=started, ended=started)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pendulum, "now", lambda _: TICK + timedelta(minutes=5))


def test_a_sensor_defers_and_watches_the_upstream_run_of_the_same_night() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        execute(sensor(), context())
    _, arguments = deferred.value.trigger.serialize()
    assert arguments["external_dag_id"] == "person_owner_rebuild_job"
    assert arguments["logical_dates"] == [UPSTREAM_TICK]
    assert arguments["failed_states"] == ["failed"]


@pytest.mark.parametrize("run_type", ["manual", "operator_triggered", "asset_triggered"])
def test_a_manual_run_does_not_wait(run_type: str) -> None:
    with pytest.raises(AirflowSkipException, match="Manual run"):
        execute(sensor(), context(run_type=run_type))


def test_a_run_whose_work_is_done_does_not_wait() -> None:
    later = TICK + timedelta(minutes=1)
    done = Success(run_id="recovery__1", run_date=D, own_date=D, started=later, ended=later)
    with pytest.raises(AirflowSkipException, match="recovery__1"):
        execute(sensor(), context(own=(done,), upstream=(recovered(45),), others=(recovered(40), recovered(50))))


def test_an_upstream_job_that_recovery_ran_after_its_tick_ends_the_wait() -> None:
    assert execute(sensor(), context(upstream=(recovered(6),), runs=0)) is None


def test_an_upstream_run_that_started_before_its_tick_does_not_count() -> None:
    with pytest.raises(TaskDeferred):
        execute(sensor(), context(upstream=(recovered(4),)))


def test_a_backfill_waits_for_the_runs_of_its_own_night_only() -> None:
    with pytest.raises(TaskDeferred):
        execute(sensor(), context(run_type="backfill", upstream=(recovered(6),)))


@pytest.mark.parametrize(("asked", "why"), [({}, "will not get one"), ({"is_paused": True}, "is paused")])
def test_an_upstream_run_that_will_never_exist_fails_the_job_with_its_name(asked: dict[str, Any], why: str) -> None:
    with pytest.raises(AirflowFailException, match=f"PersonOwnerRebuildJob {why}|PersonOwnerRebuildJob .* {why}"):
        execute(sensor(), context(runs=0, **asked))


def test_a_job_that_waits_for_any_end_continues_without_a_run_that_will_never_exist() -> None:
    assert execute(sensor(any_end=True), context(runs=0)) is None


def test_a_failed_upstream_fails_the_job_with_its_name_and_what_to_do() -> None:
    this = context()
    with pytest.raises(
        AirflowFailException, match=r"PersonOwnerRebuildJob failed in the night of 20\S+, so PersonElastic.* clear"
    ) as failure:
        sensor().execute_complete(this, {"status": "failed"})
    assert cast(TaskInstance, this["ti"]).xcoms == {"reason": str(failure.value)}


def test_a_successful_manual_run_replaces_a_failed_upstream_run() -> None:
    sensor().execute_complete(context(upstream=(recovered(30),)), {"status": "failed"})


def test_a_successful_upstream_ends_the_wait() -> None:
    sensor().execute_complete(context(), {"status": "success"})


def test_a_recheck_continues_to_wait() -> None:
    with pytest.raises(TaskDeferred):
        sensor().execute_complete(context(), {"status": RECHECK})


def test_a_wait_ends_after_six_hours_with_the_name_of_the_late_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pendulum, "now", lambda _: TICK + timedelta(hours=6, minutes=1))
    with pytest.raises(AirflowFailException, match="PersonOwnerRebuildJob has not ended within 6:00:00"):
        sensor().execute_complete(context(), {"status": RECHECK})


class TestTrigger:
    def trigger(self, recheck_after: float) -> NightlyRunTrigger:
        return NightlyRunTrigger(
            external_dag_id="x", logical_dates=[TICK], poke_interval=0.01, recheck_after=recheck_after
        )

    def event(self, trigger: NightlyRunTrigger) -> TriggerEvent:
        async def first() -> TriggerEvent:
            async for event in trigger.run():
                return event
            raise AssertionError("no event")

        return asyncio.run(first())

    def test_it_survives_serialization(self) -> None:
        path, arguments = self.trigger(5).serialize()
        assert path == "sync_airflow.tasks.triggers.NightlyRunTrigger"
        assert NightlyRunTrigger(**arguments).serialize() == (path, arguments)

    def test_it_reports_how_the_run_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def ended(_: object) -> AsyncIterator[TriggerEvent]:
            yield TriggerEvent({"status": "failed"})

        monkeypatch.setattr(WorkflowTrigger, "run", ended)
        assert self.event(self.trigger(5)).payload == {"status": "failed"}

    def test_the_trigger_wakes_the_sensor_if_the_run_does_not_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def endless(_: object) -> AsyncIterator[TriggerEvent]:
            await asyncio.sleep(60)
            yield TriggerEvent({"status": "success"})

        monkeypatch.setattr(WorkflowTrigger, "run", endless)
        assert self.event(self.trigger(0.01)).payload == {"status": RECHECK}
