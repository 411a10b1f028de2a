"""The verdict that a task reaches agrees with that of the page."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest
from airflow.sdk import Context

from sync_airflow.night.facts import Facts, RunFact, SearchFact
from sync_airflow.night.verdict import judge
from sync_airflow.night_rules import run_ids_of_night
from sync_airflow.tasks import night_of_tasks
from sync_airflow.tasks.night_of_tasks import failed_run, night_known_to
from sync_airflow.tasks.past_successes import asset_of
from sync_airflow.tasks.sensors import wait_task_id
from sync_jobs.catalogue import JOBS, find_job
from tests.browser.histories import EMPLOYING, HISTORIES, Clock
from tests.night_facts import MORNING, NIGHT, at, fine_night, known, recovery, search

RECOVERED = recovery(at("07:05"), "success").run_id


class Events(list[SimpleNamespace]):
    def ascending(self, _: object) -> Self:
        return self

    def limit(self, _: object) -> Self:
        return self


class TaskInstance:
    """Answers which states the tasks of runs have."""

    def __init__(self, runs: Iterable[RunFact]) -> None:
        self._runs = {(run.dag_id, run.run_id): run for run in runs}

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        return {run_id: states_of(run) for run_id in run_ids if (run := self._runs.get((dag_id, run_id)))}


def states_of(run: RunFact) -> dict[str, str]:
    """As Airflow would have them at the end of the run, or while it is at work."""
    waits = {wait_task_id(find_job(run.stopped_by)): "failed"} if run.stopped_by else {}
    work = "upstream_failed" if waits else "running" if run.state == "running" else run.state
    return waits | {"run_job": work}


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes the context of a task from a history."""

    def given(facts: Facts, found: tuple[SearchFact, ...]) -> Context:
        monkeypatch.setattr(night_of_tasks, "timezone", Clock(facts.now))
        monkeypatch.setattr(night_of_tasks, "_search", lambda: found)
        events = {asset_of(job): Events() for job in JOBS}
        for run in sorted(facts.runs, key=lambda run: run.run_after, reverse=True):
            success = run.success()
            if success and run.job in {job.name for job in JOBS}:
                events[asset_of(find_job(run.job))].append(SimpleNamespace(extra=success.as_extra()))
        dag_run = SimpleNamespace(run_id=RECOVERED, triggering_user_name="admin", run_after=MORNING)
        values = {"inlet_events": events, "dag_run": dag_run, "ti": TaskInstance(facts.runs)}
        return cast(Context, values)

    return given


@pytest.mark.parametrize(
    "history", ["fine", "failed", "guard rail", "nothing ran", "restored", "rolled back", "under way", "late"]
)
def test_a_task_reaches_the_verdict_of_the_page(context: Any, history: str) -> None:
    facts = HISTORIES[history]
    page = judge(facts)
    task = night_known_to(context(facts, facts.search), NIGHT)
    assert task.verdict == page.verdict
    assert task.missing == page.missing
    if history not in ("nothing ran", "rolled back", "under way"):  # which name a component, a person, a build
        assert task.sentence == page.sentence


def test_a_failure_that_only_the_task_knows_counts(context: Any) -> None:
    facts = known(fine_night(without=[EMPLOYING]))
    job = find_job(EMPLOYING)
    failure = failed_run(job, "recovery__1__1", NIGHT, MORNING, reason="no rows")
    night = night_known_to(context(facts, search()), NIGHT, [failure])
    assert (night.verdict, night.job(EMPLOYING).why) == ("needs you", "no rows")


def test_the_ids_of_the_runs_of_a_night_are_those_that_the_histories_have() -> None:
    (run,) = [run for run in fine_night() if run.job == EMPLOYING]
    assert run.run_id in run_ids_of_night(run.run_after)
