"""Rollback to the previous index, and forward again."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from elasticsearch import Elasticsearch

from sync_jobs.errors import AlreadyRunning, BadArgument, GuardRail, IndexNotAsExpected, TransientError
from sync_jobs.guard_rail import Limits
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.report import Report
from sync_jobs.runner import run_rollback
from sync_jobs.search import index_alias, rollback
from sync_jobs.search.settings import IndexSettings
from tests.application import ALIAS, PERSON_IDS, Application, editing_all_the_time
from tests.awkward_data import Connection
from tests.comparison import SETTINGS, RunJob, all_indices, indices_behind_alias
from tests.integration.test_catch_up import CATCH_UP_FULLY, as_in_postgresql, index_contents

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)


@pytest.fixture
def roll(job_connection: Connection, elasticsearch: Elasticsearch) -> Any:
    def roll(direction: str = "back", settings: IndexSettings = SETTINGS, **arguments: Any) -> Report:
        return run_rollback(
            PERSONS,
            postgres=job_connection,
            elasticsearch=elasticsearch,
            direction=direction,
            settings=settings,
            **arguments,
        )

    return roll


def test_rolling_back_and_forward_again_loses_no_edit(
    application: Application, run: RunJob, roll: Any, elasticsearch: Elasticsearch
) -> None:
    (first,) = run(JOB, RUN_DATE).indices["live"]
    application.edit(3, "Before the second build")
    (second,) = run(JOB, RUN_DATE).indices["live"]
    application.edit(4, "After it")
    application.remove(5)
    application.edit(100, "New")

    report = roll("back")
    assert indices_behind_alias(elasticsearch) == [first] == report.indices["live"]
    assert report.indices["previous"] == [second]
    assert (report.added, report.changed, report.removed, report.unchanged) == (1, 1, 1, len(PERSON_IDS) - 2)
    assert index_contents(elasticsearch) == as_in_postgresql(application)

    application.edit(6, "While the first is live")
    roll("forward")
    assert indices_behind_alias(elasticsearch) == [second]
    assert index_contents(elasticsearch) == as_in_postgresql(application)


def test_what_is_edited_during_a_rollback_is_in_the_index(
    application: Application, run: RunJob, roll: Any, elasticsearch: Elasticsearch, random_numbers: random.Random
) -> None:
    run(JOB, RUN_DATE)
    run(JOB, RUN_DATE)
    for direction in ("back", "forward", "back"):
        with editing_all_the_time(application, range(1, 80), random_numbers):
            roll(direction, settings=CATCH_UP_FULLY)
        assert index_contents(elasticsearch) == as_in_postgresql(application)


def test_a_dry_run_of_a_rollback_reports_its_effect_and_changes_nothing(
    application: Application, run: RunJob, roll: Any, elasticsearch: Elasticsearch
) -> None:
    (first,) = run(JOB, RUN_DATE).indices["live"]
    (second,) = run(JOB, RUN_DATE).indices["live"]
    application.edit(4, "Edited")
    report = roll(dry_run=True)
    assert (report.read, report.changed, report.refreshed) == (len(PERSON_IDS), 1, 0)
    assert indices_behind_alias(elasticsearch) == [second] == report.indices["live"]
    assert elasticsearch.count(index=first, query={"term": {"surname": "Edited"}})["count"] == 0


def test_an_index_says_since_when_it_is_live_again(run: RunJob, roll: Any, elasticsearch: Elasticsearch) -> None:
    (first,) = run(JOB, RUN_DATE).indices["live"]
    before = index_alias.own_indices(elasticsearch, ALIAS)[first]
    run(JOB, RUN_DATE)
    begin = datetime.now(UTC).replace(microsecond=0)
    roll()
    after = index_alias.own_indices(elasticsearch, ALIAS)[first]
    assert datetime.fromisoformat(after["live_since"]) >= begin
    assert after | {"live_since": before["live_since"]} == before


def test_a_rollback_without_a_target_names_the_indices_that_exist(run: RunJob, roll: Any) -> None:
    (only,) = run(JOB, RUN_DATE).indices["live"]
    with pytest.raises(IndexNotAsExpected, match=f"built before the live one, {only}. Finished indices: {only}"):
        roll()
    with pytest.raises(IndexNotAsExpected, match="built after the live one"):
        roll("forward")


def test_there_is_no_rollback_target_before_the_first_build(roll: Any) -> None:
    with pytest.raises(IndexNotAsExpected, match="No build has made the index behind alias"):
        roll()


def test_an_unknown_direction_is_refused(run: RunJob, roll: Any) -> None:
    run(JOB, RUN_DATE)
    with pytest.raises(BadArgument, match="expected back or forward, got 'sideways'"):
        roll("sideways")


def test_a_rollback_is_refused_during_a_build(run: RunJob, roll: Any, job_dsn: str) -> None:
    run(JOB, RUN_DATE)
    run(JOB, RUN_DATE)
    with (
        psycopg.connect(job_dsn, autocommit=True) as other,
        advisory_lock(other, PERSONS.lock_name),
        pytest.raises(AlreadyRunning, match="is already running"),
    ):
        roll()


def test_an_emptied_source_does_not_empty_the_rollback_target(
    application: Application, tcs: Connection, run: RunJob, roll: Any, elasticsearch: Elasticsearch
) -> None:
    application.add(range(100, 250))
    run(JOB, RUN_DATE)
    (live,) = run(JOB, RUN_DATE).indices["live"]
    tcs.execute("DELETE FROM contact_details")
    with pytest.raises(GuardRail, match=r"would remove 210 of 210.* Nothing was written\.$"):
        roll()
    assert indices_behind_alias(elasticsearch) == [live]
    assert elasticsearch.count(index=f"{ALIAS}-*")["count"] == 420


def test_a_rollback_that_is_refused_once_its_index_is_up_to_date_says_so(
    application: Application, tcs: Connection, run: RunJob, roll: Any, elasticsearch: Elasticsearch
) -> None:
    application.add(range(100, 250))
    (first,) = run(JOB, RUN_DATE).indices["live"]
    (second,) = run(JOB, RUN_DATE).indices["live"]
    tcs.execute("UPDATE contact_details SET forenames = NULL")
    with pytest.raises(GuardRail, match=r"forenames in index .*would remove 210 of 210") as caught:
        roll(limits=Limits(maximum_changed_percent=100))
    assert str(caught.value).endswith(f". {first} was brought up to date; {second} is still live, and unchanged.")
    assert "Nothing was written" not in str(caught.value)
    assert indices_behind_alias(elasticsearch) == [second]


def test_a_dry_run_of_a_rollback_stops_where_the_rollback_would(
    application: Application, tcs: Connection, run: RunJob, roll: Any
) -> None:
    application.add(range(100, 250))
    run(JOB, RUN_DATE)
    run(JOB, RUN_DATE)
    tcs.execute("INSERT INTO person_trust SELECT id, 7, 'TRAINING' FROM person")
    limits = Limits(maximum_changed_percent=100)
    assert roll(dry_run=True, limits=limits).changed == 210
    tcs.execute("UPDATE contact_details SET forenames = NULL")
    with pytest.raises(GuardRail, match=r"forenames in index .*would remove 210 of 210.* Nothing was written\.$"):
        roll(dry_run=True, limits=limits)


def test_a_failure_after_the_swap_warns_against_repeating_the_rollback(
    run: RunJob, roll: Any, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = run(JOB, RUN_DATE).indices["live"]
    run(JOB, RUN_DATE)

    def lost(*_: Any) -> int:
        raise psycopg.OperationalError

    monkeypatch.setattr(rollback, "cover_the_swap", lost)
    with pytest.raises(TransientError, match=f"{first} is live. .* Do not repeat the rollback"):
        roll()
    assert indices_behind_alias(elasticsearch) == [first]


def test_the_next_build_replaces_a_rollback_target(run: RunJob, roll: Any, elasticsearch: Elasticsearch) -> None:
    run(JOB, RUN_DATE)
    (second,) = run(JOB, RUN_DATE).indices["live"]
    (first,) = roll().indices["live"]
    (third,) = run(JOB, RUN_DATE).indices["live"]
    assert indices_behind_alias(elasticsearch) == [third]
    assert sorted(all_indices(elasticsearch)) == [first, second, third]


class Killed(BaseException):
    """Represents the end of the process. The code that raises it makes sure that nothing is cleaned up afterwards."""


def killed_at(moment: str, run: RunJob, elasticsearch: Elasticsearch) -> None:
    """A build that is killed just before or just after the request that moves the alias."""
    update_aliases: Callable[..., Any] = type(elasticsearch.indices).update_aliases

    def killed(*arguments: Any, **keywords: Any) -> Any:
        if moment == "after the swap":
            update_aliases(*arguments, **keywords)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(elasticsearch.indices), "update_aliases", killed)
        patch.setattr(index_alias, "discard", lambda *_: None)
        with pytest.raises(Killed):
            run(JOB, RUN_DATE)


def test_an_index_whose_build_was_killed_before_the_swap_is_no_rollback_target_and_is_removed(
    run: RunJob, roll: Any, elasticsearch: Elasticsearch
) -> None:
    (first,) = run(JOB, RUN_DATE).indices["live"]
    (second,) = run(JOB, RUN_DATE).indices["live"]
    for _ in range(2):
        killed_at("before the swap", run, elasticsearch)
    with pytest.raises(IndexNotAsExpected, match=f"Finished indices: {second}, {first}"):
        roll("forward")
    (third,) = run(JOB, RUN_DATE).indices["live"]
    assert sorted(all_indices(elasticsearch)) == [first, second, third]
    assert roll("back").indices["live"] == [second]


@pytest.mark.parametrize("rolled_back_first", [False, True])
def test_an_index_whose_build_was_killed_after_the_swap_becomes_a_previous_index(
    run: RunJob, roll: Any, elasticsearch: Elasticsearch, rolled_back_first: bool
) -> None:
    (first,) = run(JOB, RUN_DATE).indices["live"]
    killed_at("after the swap", run, elasticsearch)
    (second,) = indices_behind_alias(elasticsearch)
    assert second != first
    if rolled_back_first:
        assert roll("back").indices["live"] == [first]
        assert roll("forward").indices["live"] == [second]
        assert roll("back").indices["live"] == [first]
    (third,) = run(JOB, RUN_DATE).indices["live"]
    assert sorted(all_indices(elasticsearch)) == [first, second, third]
    assert roll("back").indices["live"] == [second]
