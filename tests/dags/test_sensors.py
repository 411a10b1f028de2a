"""When a sensor waits, passes, fails, continues or skips itself."""

import asyncio
import inspect
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Self, cast

import pendulum
import pytest
from airflow.providers.standard.triggers.external_task import WorkflowTrigger
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

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
RUN_IDS = [f"{kind}__2024-02-29T00:05:00+00:00" for kind in ("scheduled", "in_place", "backfill")]


class Events(list[SimpleNamespace]):
    def ascending(self, _: object) -> Self:
        return self

    def limit(self, _: object) -> Self:
        return self


@dataclass
class TaskInstance:
    """Answers the queries of a sensor: the upstream DAG, and how many runs of its tick there are.

    displacing: how many unfinished runs have the tick's logical date without being the run of that night.
    """

    runs: int = 1
    displacing: int = 0
    is_paused: bool = False
    next_dagrun: datetime = UPSTREAM_TICK + timedelta(days=1)
    start_date: datetime = TICK
    xcoms: dict[str, str] = field(default_factory=dict)

    def xcom_push(self, key: str, value: str) -> None:
        self.xcoms[key] = value

    def get_dag(self, dag_id: str) -> Self:
        assert dag_id == OWNER.dag_id
        return self

    def get_dr_count(
        self,
        dag_id: str,
        run_ids: list[str] | None = None,
        logical_dates: list[datetime] | None = None,
        states: list[str] | None = None,
    ) -> int:
        assert dag_id == OWNER.dag_id
        if run_ids is None:
            assert (logical_dates, states) == ([UPSTREAM_TICK], ["queued", "running"])
            return self.displacing
        assert run_ids == RUN_IDS
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
    assert (arguments["run_ids"], arguments["logical_dates"]) == (RUN_IDS, None)
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


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"dry_run": True}, "was a dry run"),
        ({"date_override": "ANY"}, "was a run with the date override ANY"),
        ({"run_date": date(2020, 1, 1)}, "was a run for 2020-01-01"),
    ],
)
@pytest.mark.parametrize("run_id", RUN_IDS)
def test_a_run_that_did_other_work_than_that_of_the_night_does_not_count(
    run_id: str, other: dict[str, Any], what: str
) -> None:
    success = replace(recovered(5), run_id=run_id, **other)
    with pytest.raises(AirflowFailException, match=f"has not done its work tonight: the run .* {what}"):
        sensor().execute_complete(context(upstream=(success,)), {"status": "success"})
    sensor(any_end=True).execute_complete(context(upstream=(success,)), {"status": "success"})


def test_another_run_with_the_logical_date_of_the_night_does_not_count() -> None:
    with pytest.raises(AirflowFailException, match=r"will not get one: .* or another run has that logical date"):
        execute(sensor(), context(runs=0))
    with pytest.raises(TaskDeferred):  # it still runs, and will start the run that is missing
        execute(sensor(), context(runs=0, displacing=1))


def test_a_run_in_place_of_a_scheduled_one_waits_as_that_would() -> None:
    this = context(run_type="operator_triggered")
    run = SimpleNamespace(
        run_type="operator_triggered",
        run_id="in_place__2024-02-29T01:29:00+00:00",
        logical_date=None,
        run_after=TICK,
        start_date=TICK,
        clear_number=0,
    )
    this = cast(Context, {**this, "dag_run": run})
    with pytest.raises(TaskDeferred) as deferred:
        execute(sensor(), this)
    assert deferred.value.trigger.serialize()[1]["run_ids"] == RUN_IDS


def test_a_recheck_continues_to_wait() -> None:
    with pytest.raises(TaskDeferred):
        sensor().execute_complete(context(), {"status": RECHECK})


def test_a_wait_ends_after_six_hours_with_the_name_of_the_late_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pendulum, "now", lambda _: TICK + timedelta(hours=6, minutes=1))
    with pytest.raises(AirflowFailException, match="PersonOwnerRebuildJob has not ended within 6:00:00"):
        sensor().execute_complete(context(), {"status": RECHECK})
    not_created = context(runs=0, next_dagrun=UPSTREAM_TICK)
    with pytest.raises(AirflowFailException, match=r"has had no run within 6:00:00 \(perhaps a run that is planned"):
        sensor().execute_complete(not_created, {"status": RECHECK})


class TestTrigger:
    def trigger(self, recheck_after: float, **arguments: bool) -> NightlyRunTrigger:
        return NightlyRunTrigger(
            **arguments,
            external_dag_id="x",
            run_ids=RUN_IDS,
            poke_interval=0.01,
            recheck_after=recheck_after,
            allowed_states=["success"],
            failed_states=["failed"],
        )

    def ended(self, monkeypatch: pytest.MonkeyPatch, *states: str) -> None:
        """One run has one of these states."""

        async def count(_: object, asked: Collection[str]) -> int:
            return int(bool(set(asked).intersection(states)))

        monkeypatch.setattr(WorkflowTrigger, "_get_count_af_3", count)

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

    @pytest.mark.parametrize("state", ["success", "failed"])
    def test_it_reports_how_the_run_ended_under_any_of_its_ids(
        self, monkeypatch: pytest.MonkeyPatch, state: str
    ) -> None:
        self.ended(monkeypatch, state)
        assert self.event(self.trigger(5)).payload == {"status": state}

    @pytest.mark.parametrize(("state", "kind"), [("success", TaskSuccessEvent), ("failed", TriggerEvent)])
    def test_a_success_can_end_the_task_without_waking_it(
        self, monkeypatch: pytest.MonkeyPatch, state: str, kind: type[TriggerEvent]
    ) -> None:
        self.ended(monkeypatch, state)
        assert type(self.event(self.trigger(5, end_from_trigger=True))) is kind

    def test_the_trigger_wakes_the_sensor_if_the_run_does_not_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ended(monkeypatch, "running")
        assert self.event(self.trigger(0.01)).payload == {"status": RECHECK}
