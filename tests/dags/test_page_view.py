"""The texts of the page that are made from a night."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from sync_airflow.night.facts import ROLLBACK, BuildFact, DagFact, Facts, IndexFact
from sync_airflow.night_reader import DAGS
from sync_jobs.catalogue import JOBS
from sync_page import page_view
from sync_page.night_view import NightView, night_view
from sync_page.rights import Rights
from sync_page.snapshot import Snapshot
from sync_page.timeline import timeline
from tests.night_facts import MORNING, NIGHT, at, fine_night, index, known, manual, scheduled, search

EVERYTHING = Rights(user="admin", viewable=frozenset(DAGS), runnable=frozenset(DAGS), stoppable=frozenset(DAGS))
OWNER = JOBS[0].name


def view_of(facts: Facts, rights: Rights = EVERYTHING) -> NightView:
    taken = Snapshot(facts)
    return night_view(taken, taken.night(), rights)


@pytest.mark.parametrize(
    ("conf", "what"),
    [
        ({"maximum_removed_percent": 100.0, "maximum_added_percent": 50}, "with maximum_removed_percent 100"),
        ({"run_follow_on_jobs": False, "dry_run": False}, "with run_follow_on_jobs false"),
        ({"maximum_removed_percent": 20.0, "run_follow_on_jobs": True, "run_date": None}, ""),
        ({"nonsense": 1}, ""),
    ],
)
def test_who_did_what_names_the_parameters_that_are_not_the_defaults(conf: dict[str, Any], what: str) -> None:
    deeds = view_of(known([manual(OWNER, at("07:00"), conf=conf)])).deeds
    assert deeds[0].what == f"{OWNER} {what}".strip()


def test_who_did_what_names_the_direction_of_a_rollback() -> None:
    run = replace(
        manual(OWNER, at("07:00"), conf={"direction": "forward"}), job=ROLLBACK, dag_id="persons_index_rollback"
    )
    assert view_of(known([run])).deeds[0].what == "rollback of search with direction forward"


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        ({}, "Built by the code that runs now, with the same index definition."),
        ({"code_version": "abc"}, "Built by other code (abc) than runs now ("),
        (
            {"definition_version": "def"},
            "Built by the code that runs now, with another index definition (def) than runs now",
        ),
        ({"code_version": None}, "Built by code that it does not name, with the same index definition."),
        ({"code_version": None, "definition_version": None}, "It does not say which code built it."),
    ],
)
def test_an_index_is_compared_with_what_runs_now(versions: dict[str, Any], text: str) -> None:
    view = view_of(known(fine_night(), search=search(replace(index(), **versions))))
    (found,) = view.search
    assert found.live
    assert page_view.built_by(found, found.live).startswith(text)


def test_the_growth_is_counted_from_the_build_before_also_after_a_rollback() -> None:
    newer, live, older = index(), index(NIGHT - timedelta(days=1), 100), index(NIGHT - timedelta(days=2), 90)
    view = view_of(known(fine_night(), search=search(live, newer, older)))
    assert view.search[0].growth == 10
    alone = view_of(known(fine_night(), search=search(live, newer)))
    assert alone.search[0].growth is None


@pytest.mark.parametrize(
    ("documents", "phase"), [(0, "preparing"), (500, "loading"), (1000, "verifying it, and catching")]
)
def test_a_build_has_a_phase(documents: int, phase: str) -> None:
    build = BuildFact(
        name="x", started=MORNING, documents=documents, expected=1000, documents_per_second=1, is_running=True
    )
    assert build.phase.startswith(phase)


def test_the_time_left_is_the_same_in_the_verdict_and_in_the_facts() -> None:
    build = BuildFact(name="x", started=MORNING, documents=30, expected=147, documents_per_second=1, is_running=True)
    runs = fine_night(but=[scheduled(JOBS[5], state="running")])
    view = view_of(known(runs, now=at("01:31"), search=search(index(NIGHT - timedelta(days=1)), build=build)))
    running = next(fact for fact in page_view.facts(view) if fact.id == "running")
    assert "about 2 min left" in view.sentence
    assert running.notes[1] == "index build at 20 %, about 2 min left"


def test_londons_time_is_named_only_while_it_differs() -> None:
    winter = view_of(known(fine_night()))
    assert page_view.london_note(winter) == ""
    july = date(2026, 7, 1)
    summer = view_of(known(fine_night(july), now=at("07:30", july)))
    assert page_view.london_note(summer) == "In London everything is 1 hour later: 12:00 UTC is 13:00."


@pytest.mark.parametrize(
    ("night", "note"),
    [
        (
            date(2026, 10, 25),
            "In London everything is 1 hour later until 01:00 UTC, when the clocks go back: 00:30 UTC is 01:30.",
        ),
        (
            date(2027, 3, 28),
            "In London everything is 1 hour later from 01:00 UTC, when the clocks go forward: 12:00 UTC is 13:00.",
        ),
    ],
)
def test_in_the_night_of_a_clock_change_it_is_said_until_or_from_when_london_differs(night: date, note: str) -> None:
    assert page_view.london_note(view_of(known(fine_night(night), now=at("07:30", night)))) == note


def test_nights_whose_runs_are_not_read_are_not_shown_as_not_run() -> None:
    taken = Snapshot(known(fine_night()))
    earlier = night_view(taken, taken.night(taken.oldest), EVERYTHING)
    cells = [cell.run_date for cell in earlier.jobs[0].last_nights]
    assert (cells[0], cells[-1], earlier.earlier) == (taken.oldest, NIGHT, None)


@pytest.mark.parametrize(
    ("state", "dag", "todo"),
    [
        (
            "failed",
            DagFact(is_paused=True),
            "Read its log, repair what it names, then run it again. Before that, unpause",
        ),
        ("none", DagFact(is_paused=True), "Unpause its DAG in Airflow, then run it."),
        ("none", DagFact(is_known=False), "Restore its file in the folder of the DAGs, or correct the import error"),
    ],
)
def test_the_advice_on_a_job_that_cannot_run_says_what_to_do_first(state: str, dag: DagFact, todo: str) -> None:
    runs = [scheduled(OWNER, state="failed", reason="x")] if state == "failed" else []
    view = view_of(known(fine_night(but=runs, without=[OWNER]), dags={OWNER: dag}))
    (step,) = page_view.steps(view)
    assert step.todo.startswith(todo)
    assert not [action for action in step.actions if action.path.startswith("run/missing")]


def test_a_job_that_is_late_at_work_has_a_link_to_its_log() -> None:
    view = view_of(known(fine_night(but=[scheduled(OWNER, state="running")])))
    (step,) = (each for each in page_view.steps(view) if OWNER in each.text)
    assert step.log
    assert step.log.startswith("dags/person_owner_rebuild_job/runs/")


def test_without_airflows_database_nobody_is_told_that_a_right_is_missing() -> None:
    view = view_of(Facts(now=MORNING, error="it is down"), Rights("", frozenset(), frozenset(), frozenset()))
    assert page_view.facts(view)[0].notes == ("Airflow cannot check your rights without its database.",)


def test_the_timeline_shows_attempts_that_were_repeated() -> None:
    def minute(text: str) -> datetime:
        return at(text)

    attempts = ((minute("00:05"), minute("00:06")), (minute("00:07"), minute("00:08")))
    run = scheduled(OWNER, attempts=attempts, worked_from=minute("00:10"), worked_until=minute("00:12"), tries=3)
    lane = timeline(view_of(known(fine_night(but=[run])))).lanes[0]
    assert [bar.kind for bar in lane.bars] == ["retried", "retried", "done"]


def test_what_is_missing_is_offered_beside_the_dry_run_of_its_only_cause() -> None:
    failed = scheduled(JOBS[6], state="failed", reason="x")
    view = view_of(known(fine_night(but=[failed])))
    (step,) = page_view.steps(view)
    assert [action.label for action in step.actions] == ["Run the missing job…", "Dry run first…"]
    assert page_view.run_missing(view, (step,)) is None


def test_with_several_causes_one_button_below_them_runs_all_that_is_missing() -> None:
    failed = [scheduled(name, state="failed", reason="x") for name in (JOBS[6].name, JOBS[7].name)]
    view = view_of(known(fine_night(but=failed)))
    steps = page_view.steps(view)
    assert [[action.label for action in step.actions] for step in steps] == [["Dry run first…"]] * 2
    button = page_view.run_missing(view, steps)
    assert button
    assert button.label == "Run the 2 missing jobs…"


def test_all_jobs_are_counted_also_for_a_user_who_may_view_only_some() -> None:
    viewable = frozenset({JOBS[0].dag_id, "recovery"})
    rights = Rights(user="x", viewable=viewable, runnable=frozenset({"recovery"}), stoppable=frozenset())
    button = page_view.run_missing(view_of(known([]), rights), ())
    assert button
    assert button.label == f"Run all {len(JOBS)} jobs…"


def test_a_job_that_is_late_at_work_can_be_stopped_by_those_who_may() -> None:
    late = known([scheduled(OWNER, state="running")], now=at("01:00"))
    (step, *_) = page_view.steps(view_of(late))
    assert [action.label for action in step.actions] == [f"Stop {OWNER}…"]
    (step, *_) = page_view.steps(view_of(late, replace(EVERYTHING, stoppable=frozenset())))
    assert step.actions == ()


@pytest.mark.parametrize("live", [None, index(NIGHT - timedelta(days=1))])
def test_a_done_job_whose_index_is_not_live_is_to_be_run_again(live: IndexFact | None) -> None:
    (stale,) = search()
    view = view_of(known(fine_night(), search=(replace(stale, live=live),)))
    (step,) = page_view.steps(view)
    assert (view.verdict, step.text) == (
        "needs you",
        f"{view.search[0].problem[:1].upper()}{view.search[0].problem[1:]}.",
    )
    assert step.todo.startswith("PersonElasticSearchSyncJob is done, so its index was removed, or another one")
    labels = [action.label for action in step.actions]
    assert labels == ["Run PersonElasticSearchSyncJob…", "Dry run first…"]


def test_without_airflows_database_the_search_index_is_still_shown() -> None:
    view = view_of(Facts(now=MORNING, error="Airflow's database gives no answer", search=search()))
    assert (view.verdict, view.jobs) == ("unknown", [])
    assert view.search
    assert [fact.id for fact in page_view.facts(view)] == ["search", "checked"]
    (step,) = page_view.steps(view)
    assert step.text == "The database of Airflow does not answer."
