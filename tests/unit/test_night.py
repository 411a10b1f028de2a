"""The verdict of a night, from histories of runs (docs/domain.md, "The night")."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from sync_airflow.night.facts import (
    ALARM,
    ROLLBACK,
    BuildFact,
    Component,
    DagFact,
    EventFact,
    Facts,
    IndexFact,
    RunFact,
    SearchFact,
)
from sync_airflow.night.states import usual_duration
from sync_airflow.night.verdict import Night, judge
from sync_jobs.catalogue import JOBS, find_job
from tests.night_facts import (
    MORNING,
    NIGHT,
    at,
    failed_with_dependants,
    fine_night,
    index,
    known,
    manual,
    recovery,
    scheduled,
    search,
)

OWNER, EMPLOYING, TRAINING = (job.name for job in JOBS[:3])
SEARCH, FUNDING, STATUS = (job.name for job in JOBS[5:])
ALARM_DAG = "persons_index_alarm"
WEDNESDAY = date(2026, 11, 25)


def states(night: Night) -> dict[str, str]:
    return {job.job.name: job.state for job in night.jobs}


def missing(night: Night) -> list[str]:
    return [job.name for job in night.missing]


def test_a_night_in_which_all_jobs_succeeded_was_fine() -> None:
    night = judge(known(fine_night()))
    assert (night.verdict, night.level, night.is_healthy) == ("fine", "good", True)
    assert night.sentence == ("Last night was fine. All 8 jobs were done by 02:01 UTC; search is as of 01:29 today.")
    assert set(states(night).values()) == {"done"}
    assert (night.roots, night.missing, night.details, night.warnings) == ((), (), (), ())


def test_persons_missing_from_search_are_a_warning() -> None:
    night = judge(known(fine_night(but=[scheduled(SEARCH, report={"left_out": 2})])))
    assert (night.verdict, night.level) == ("fine", "warning")
    assert night.sentence == "Last night was fine, but 2 persons are missing from search or out of date there."
    assert night.details == ("All 8 jobs were done by 02:01 UTC; search is as of 01:29 today.",)
    assert night.warnings[0].startswith("2 persons are missing from search or out of date there: Elasticsearch refused")


def alarm(state: str = "success", night: date = NIGHT, **more: Any) -> RunFact:
    """The run of the alarm at 07:00 of that day."""
    run = replace(scheduled(JOBS[0], night, state), job=ALARM, dag_id=ALARM_DAG, run_after=at("07:00", night))
    return replace(run, worked_until=at("07:00", night), **more)


TOMORROW = DagFact(next_run=at("07:00", NIGHT + timedelta(days=1)))


def test_an_alarm_that_has_run_is_not_worth_a_word() -> None:
    assert judge(known([*fine_night(), alarm()], dags={ALARM_DAG: TOMORROW})).warnings == ()
    assert judge(known(fine_night(), now=at("06:00"), dags={ALARM_DAG: DagFact(next_run=at("07:00"))})).warnings == ()
    new_today = judge(known(fine_night(), dags={ALARM_DAG: TOMORROW}))
    assert new_today.warnings == ()


@pytest.mark.parametrize(
    ("dag", "runs", "warning"),
    [
        (DagFact(is_paused=True), (), "The alarm of search is paused"),
        (DagFact(is_known=False), (), "Airflow does not know the alarm of search"),
        (DagFact(next_run=at("07:00")), (), "The alarm of search should have run at 07:00 and has not"),
        (TOMORROW, [alarm(night=WEDNESDAY)], "The alarm of search should have run at 07:00 and has not"),
        (TOMORROW, [alarm("failed", reason="no answer")], "The alarm of search failed at 07:00, although search was"),
    ],
)
def test_an_alarm_that_cannot_be_relied_on_is_a_warning(dag: DagFact, runs: Any, warning: str) -> None:
    night = judge(known([*fine_night(), *runs], dags={ALARM_DAG: dag}))
    assert (night.verdict, night.level) == ("fine", "warning")
    assert night.warnings[0].startswith(warning)
    assert night.sentence.startswith("Last night was fine, but ")


def test_an_alarm_that_failed_because_search_was_stale_is_no_second_problem() -> None:
    runs = fine_night(but=[scheduled(SEARCH, state="failed", reason="x"), alarm("failed", reason="stale")])
    assert judge(known(runs, search=search(index(WEDNESDAY)), dags={ALARM_DAG: TOMORROW})).warnings == ()
    rebuilt = replace(index(), built_at=at("07:10"))
    again = [*runs, manual(SEARCH, at("07:10"))]
    assert judge(known(again, search=search(rebuilt), dags={ALARM_DAG: TOMORROW})).warnings == ()


def test_failed_jobs_are_root_causes_and_those_that_wait_for_them_are_folded_under_them() -> None:
    runs = fine_night(but=failed_with_dependants(EMPLOYING))
    night = judge(known(runs, search=search(index(NIGHT - timedelta(days=1)))))
    assert night.verdict == "needs you"
    assert night.sentence == "Last night needs you: 3 of 8 jobs are not done."
    assert night.details == (
        "One job failed, and two did not run because of it.",
        "Search is as of 01:29 yesterday; nothing is half written.",
    )
    (root,) = night.roots
    assert (root.job.job.name, root.job.why) == (EMPLOYING, "a reason")
    assert [job.job.name for job in root.followers] == [TRAINING, SEARCH]
    assert missing(night) == [EMPLOYING, TRAINING, SEARCH]
    assert night.job(SEARCH).because_of == (EMPLOYING, TRAINING)


def test_a_night_without_any_run_is_not_fine() -> None:
    yesterday = fine_night(NIGHT - timedelta(days=1))
    night = judge(known(yesterday))
    assert (night.verdict, night.is_healthy) == ("nothing ran", False)
    assert night.sentence == "No job ran last night. Airflow's scheduler is running now."
    assert missing(night) == [job.name for job in JOBS]


def test_a_scheduler_that_is_down_is_named() -> None:
    down = (Component(name="scheduler", is_healthy=False),)
    assert judge(known([], components=down)).sentence == "No job ran last night. The scheduler is not running."
    night = judge(known(fine_night(), components=down))
    assert (night.verdict, night.sentence) == (
        "needs you",
        "Last night needs you: all 8 jobs are done, but the scheduler is not running.",
    )


def test_a_job_that_has_not_started_is_late() -> None:
    night = judge(known([], now=at("00:21")))
    assert night.verdict == "late"
    assert night.sentence == f"{OWNER} should have started at 00:05 and has not."
    assert (night.job(OWNER).state, night.job(TRAINING).state) == ("late", "waiting")
    assert missing(night) == [OWNER]


def test_a_job_that_takes_much_longer_than_usual_is_late() -> None:
    history = [run for days in range(1, 15) for run in fine_night(NIGHT - timedelta(days=days))]
    running = scheduled(OWNER, state="running")
    assert judge(known([*history, running], now=at("00:15"))).verdict == "under way"
    night = judge(known([*history, running], now=at("00:17")))
    assert night.sentence == f"{OWNER} is late: it has been running since 00:05 (it usually takes 1 min)."
    assert night.missing == ()


def test_a_job_that_waits_for_a_late_one_is_not_late_itself() -> None:
    waiting = scheduled(SEARCH, state="running", waits_for=(OWNER,), worked_from=None)
    runs = fine_night(but=[scheduled(OWNER, state="running"), waiting])
    night = judge(known(runs, now=at("02:05")))
    assert night.job(SEARCH).state == "waiting"
    assert night.job(SEARCH).waits_for == f"for the end of {OWNER}"


def test_a_night_under_way_names_what_runs() -> None:
    build = BuildFact(
        name="persons-x", started=at("01:29"), documents=720, expected=1000, documents_per_second=14, is_running=True
    )
    runs = [run for run in fine_night() if run.run_after < at("01:29")]
    runs.append(scheduled(SEARCH, state="running"))
    night = judge(known(runs, now=at("01:30"), search=search(index(WEDNESDAY), build=build)))
    assert night.verdict == "under way"
    assert night.sentence == f"The night is under way: 5 of 8 done, {SEARCH} at 72 %, about 20 s left."
    assert night.job(STATUS).waits_for == "for its time, 02:00 UTC"


def test_until_its_first_job_the_latest_night_is_that_of_the_previous_day() -> None:
    night = judge(
        known(fine_night(NIGHT - timedelta(days=1)), now=at("00:04"), search=search(index(NIGHT - timedelta(days=1))))
    )
    assert (night.run_date, night.verdict) == (NIGHT - timedelta(days=1), "fine")
    assert judge(known([], now=at("00:05"))).run_date == NIGHT


def test_a_dry_run_does_not_repair_a_failed_job() -> None:
    dry = manual(OWNER, at("07:00"), dry_run=True)
    night = judge(known(fine_night(but=[scheduled(OWNER, state="failed", reason="x"), dry])))
    assert night.job(OWNER).state == "failed"
    assert [run.run_id for run in night.job(OWNER).dry_runs] == [dry.run_id]


def test_a_failed_dry_run_does_not_change_a_night() -> None:
    assert judge(known([*fine_night(), manual(OWNER, at("07:00"), "failed", dry_run=True)])).verdict == "fine"


def test_a_dry_run_at_the_tick_is_no_night() -> None:
    dry = scheduled(OWNER, dry_run=True, started_by="backfill")
    night = judge(known(fine_night(without=[OWNER], but=[dry])))
    assert (night.verdict, night.job(OWNER).state) == ("needs you", "not run")


def test_a_run_for_a_future_date_is_not_tonights_success() -> None:
    future = manual(OWNER, at("07:00"), run_date=date(2062, 1, 1))
    night = judge(known(fine_night(without=[OWNER], but=[future])))
    assert night.job(OWNER).state == "not run"


def test_a_run_before_the_tick_is_not_tonights_success() -> None:
    night = judge(known(fine_night(without=[OWNER], but=[manual(OWNER, at("00:02"))])))
    assert night.job(OWNER).state == "not run"


@pytest.mark.parametrize(("override", "state"), [("ANY", "not run"), ("2026-11-20", "not run"), ("2026-11-27", "done")])
def test_a_run_with_a_date_override_counts_only_for_that_date(override: str, state: str) -> None:
    run = manual(STATUS, at("07:00"), date_override=override)
    assert judge(known(fine_night(without=[STATUS], but=[run]))).job(STATUS).state == state


def test_a_run_before_its_upstream_jobs_have_done_the_work_does_not_count() -> None:
    early = manual(SEARCH, at("06:00"))
    runs = fine_night(without=[SEARCH, OWNER], but=[early, manual(OWNER, at("07:00"))])
    night = judge(known(runs))
    assert night.job(SEARCH).state == "not run"
    assert missing(night) == [SEARCH]
    alone = judge(known(fine_night(without=[OWNER], but=[manual(OWNER, at("07:00"))])))
    assert alone.job(SEARCH).why == f"its run of 01:29 came before {OWNER} had done the work"
    before_training = judge(known(fine_night(without=[TRAINING])))
    assert before_training.job(SEARCH).why == f"its run of 01:29 came before {TRAINING} had done the work"


def test_a_run_covers_the_missed_nights_before_it() -> None:
    thursday = NIGHT - timedelta(days=1)
    caught_up = [scheduled(job, first_date=WEDNESDAY) for job in JOBS[6:]]
    night = judge(known(fine_night(but=caught_up)), thursday)
    assert [job.state for job in night.jobs] == ["not run"] * 6 + ["done"] * 2
    assert judge(known(fine_night()), thursday).job(STATUS).state == "not run"


def test_an_earlier_night_offers_nothing_to_run() -> None:
    thursday = NIGHT - timedelta(days=1)
    night = judge(
        known([*fine_night(), *fine_night(thursday, but=[scheduled(FUNDING, thursday, "failed", reason="x")])]),
        thursday,
    )
    assert (night.verdict, night.missing) == ("needs you", ())
    assert night.sentence == "The night of Thu 2026-11-26 was not complete: 1 of 8 jobs is not done."


def test_a_failure_that_somebody_has_repaired_is_reported_as_repaired() -> None:
    runs = fine_night(
        but=[
            *failed_with_dependants(EMPLOYING),
            *(
                manual(name, at("07:00") + timedelta(minutes=5 * place))
                for place, name in enumerate((EMPLOYING, TRAINING, SEARCH))
            ),
        ]
    )
    night = judge(known(runs))
    assert night.verdict == "repaired"
    assert night.sentence == (
        "Fine now: one job failed at 00:10 and two did not run because of it, but admin repaired all 3 by 07:11 UTC; "
        "search is as of 01:29 today."
    )


def test_recovery_restores_a_night_in_which_nothing_ran() -> None:
    runs = [
        manual(job, at("07:00") + timedelta(minutes=place), started_by="recovery") for place, job in enumerate(JOBS)
    ]
    night = judge(known(runs))
    assert night.verdict == "repaired"
    assert "no job ran at its time, but admin ran all 8 by 07:08 UTC" in night.sentence


def test_a_night_whose_first_recovery_failed_names_the_failure_and_what_did_not_run_in_time() -> None:
    failed = manual(EMPLOYING, at("03:09"), "failed", started_by="recovery", user="")
    again = [
        manual(job, at("05:00") + timedelta(minutes=place), started_by="recovery", user="")
        for place, job in enumerate(JOBS)
    ]
    assert judge(known([failed, *again])).sentence == (
        "Fine now: one job failed at 03:10 and seven did not run at their time, but recovery repaired all 8 by 05:08 "
        "UTC; search is as of 01:29 today."
    )


def test_everybody_who_repaired_a_night_is_named() -> None:
    failed = [scheduled(name, state="failed", reason="x") for name in (FUNDING, STATUS)]
    again = [manual(FUNDING, at("07:00")), manual(STATUS, at("07:05"), user="operator")]
    assert "two jobs failed at 01:46, but admin and operator repaired both by 07:06 UTC" in (
        judge(known(fine_night(but=[*failed, *again]))).sentence
    )


@pytest.mark.parametrize(
    ("without", "but", "detail"),
    [
        ([OWNER], [], "One job did not run, and one more did not run because of it."),
        ([], [scheduled(STATUS, state="failed", reason="x")], "One job failed."),
        (
            [],
            [*failed_with_dependants(OWNER), scheduled(STATUS, state="failed", reason="x")],
            "Two jobs failed, and one did not run because of that.",
        ),
        (
            [STATUS],
            failed_with_dependants(OWNER),
            "One job failed, one did not run, and one more did not run because of that.",
        ),
    ],
)
def test_what_is_not_done_is_counted_in_one_sentence(without: list[str], but: list[RunFact], detail: str) -> None:
    assert judge(known(fine_night(without=without, but=but))).details[0] == detail


def test_before_the_first_job_the_time_at_which_the_latest_night_was_done_has_its_date() -> None:
    night = judge(known(fine_night(), now=at("00:02", NIGHT + timedelta(days=1))))
    assert night.sentence == (
        "Last night was fine. All 8 jobs were done by 02:01 UTC on Fri 2026-11-27; search is as of 01:29 yesterday."
    )


def test_parts_of_airflow_that_are_down_are_listed_once() -> None:
    down = tuple(Component(name=name, is_healthy=False) for name in ("scheduler", "DAG processor", "triggerer"))
    night = judge(known([], components=down))
    assert (
        night.sentence == "No job ran last night. The scheduler, the DAG processor and the triggerer are not running."
    )
    assert night.details == ("Search is as of 01:29 today; nothing is half written.",)


def test_a_job_that_recovery_ran_is_shown_with_its_own_run_although_all_have_the_same_id() -> None:
    runs = [
        manual(job, at("07:00") + timedelta(minutes=place), started_by="recovery", run_id="recovery__manual__1")
        for place, job in enumerate(JOBS)
    ]
    assert [job.run for job in judge(known(runs)).jobs] == runs


def test_a_running_recovery_is_under_way_and_not_a_failure() -> None:
    runs = [recovery(at("07:29")), manual(OWNER, at("07:29"), "running", started_by="recovery")]
    night = judge(known(runs))
    assert (night.verdict, night.job(OWNER).state) == ("under way", "running")
    assert night.job(STATUS).waits_for == "for its turn in recovery"


def test_a_rollback_is_visible_until_a_later_index_is_live() -> None:
    rollback = replace(manual(OWNER, at("07:00")), job=ROLLBACK, dag_id="persons_index_rollback", user="operator")
    facts = known([*fine_night(), rollback], search=search(index(WEDNESDAY), index()))
    night = judge(facts)
    assert (night.verdict, night.level) == ("rolled back", "warning")
    assert night.sentence == "All 8 jobs are done, but search was rolled back to 01:29 on Wed 2026-11-25 by operator."
    assert night.rollbacks == {"persons": rollback}
    assert judge(replace(facts, search=search(index(), index(WEDNESDAY)))).verdict == "fine"


def test_all_jobs_done_is_not_fine_if_search_is_not_of_this_night() -> None:
    assert "the live index" in judge(known(fine_night(), search=search(index(WEDNESDAY)))).sentence
    (unknown,) = search(error="Elasticsearch does not answer")
    night = judge(known(fine_night(), search=(replace(unknown, live=None),)))
    assert (night.verdict, night.sentence) == (
        "needs you",
        "Last night needs you: all 8 jobs are done, but the state of search is not known: Elasticsearch does not "
        "answer.",
    )


def posts_index(live: IndexFact | None, *kept: IndexFact, **more: Any) -> SearchFact:
    """A second search index."""
    values = {"alias": "posts", "rollback": "posts_index_rollback", "alarm": "posts_index_alarm", "job": "PostIndexJob"}
    (fact,) = search(live, *kept, **values, **more)
    return replace(fact, live=live)


def built(moment: datetime, alias: str = "posts") -> IndexFact:
    return replace(index(), name=f"{alias}-{moment:%Y%m%dt%H%M%S}-000000", built_at=moment)


def of_two_indices(posts: SearchFact, *runs: RunFact, **more: Any) -> Night:
    """The night after which persons is as of 01:29 today, and posts is as given."""
    return judge(known([*fine_night(), *runs], search=(*search(), posts), **more))


def test_of_two_indices_of_different_ages_the_sentence_names_the_oldest() -> None:
    night = of_two_indices(posts_index(built(at("03:00"))))
    assert (night.verdict, night.sentence) == (
        "fine",
        "Last night was fine. All 8 jobs were done by 02:01 UTC; the oldest search index, persons, is as of 01:29 "
        "today.",
    )
    same_minute = of_two_indices(posts_index(built(at("01:29"))))
    assert same_minute.sentence.endswith("; search is as of 01:29 today.")


def test_one_stale_index_of_two_needs_somebody_and_is_named() -> None:
    stale = of_two_indices(posts_index(built(at("03:00", WEDNESDAY))))
    assert (stale.verdict, stale.problem) == (
        "needs you",
        "the live index posts-20261125t030000-000000 was built at 2026-11-25 03:00 UTC; expected an index built since "
        "2026-11-27 00:00 UTC",
    )
    (age,) = stale.details
    assert age == "The oldest search index, posts, is as of 03:00 on Wed 2026-11-25; nothing is half written."
    missing_index = of_two_indices(posts_index(None))
    assert "no index is behind the alias posts" in missing_index.sentence
    both = judge(known(fine_night(), search=(*search(index(WEDNESDAY)), posts_index(None))))
    assert "the live index persons-" in both.problem
    assert ", and no index is behind the alias posts" in both.problem


def test_an_index_whose_state_is_unknown_is_named_unless_no_state_is_known() -> None:
    error = "Elasticsearch does not answer as expected: index_closed_exception"
    one = of_two_indices(posts_index(None, error=error))
    assert (one.verdict, one.problem) == ("needs you", f"the state of the search index posts is not known: {error}")
    both = judge(known(fine_night(), search=(posts_index(None, error=error), *search(error=error))))
    assert both.problem == f"the state of search is not known: {error}"


def test_a_rollback_of_one_index_of_two_is_named_and_shown_with_its_own_user() -> None:
    run = replace(manual(OWNER, at("07:00")), job=ROLLBACK, dag_id="posts_index_rollback", user="operator")
    other = replace(manual(OWNER, at("07:10")), job=ROLLBACK, dag_id="persons_index_rollback", user="admin")
    night = of_two_indices(posts_index(built(at("03:00", WEDNESDAY)), built(at("03:00"))), run, other)
    assert (night.verdict, night.rollbacks) == ("rolled back", {"posts": run})
    assert night.sentence == (
        "All 8 jobs are done, but the search index posts was rolled back to 03:00 on Wed 2026-11-25 by operator."
    )


def test_each_index_has_an_alarm_of_its_own() -> None:
    dags = {ALARM_DAG: TOMORROW, "posts_index_alarm": DagFact(is_paused=True)}
    night = of_two_indices(posts_index(built(at("03:00"))), alarm(), dags=dags)
    assert night.warnings == (
        "The alarm of the search index posts is paused: it sends no message if the search index posts is not rebuilt. "
        "Unpause its DAG in Airflow.",
    )


def test_a_build_of_the_second_index_is_shown_with_its_job() -> None:
    build = BuildFact(
        name="persons-x", started=at("01:29"), documents=50, expected=100, documents_per_second=1, is_running=True
    )
    persons = search(index(WEDNESDAY), build=build)
    runs = [run for run in fine_night() if run.run_after < at("01:29")]
    facts = known(
        [*runs, scheduled(SEARCH, state="running")], now=at("01:30"), search=(posts_index(built(at("03:00"))), *persons)
    )
    assert f"{SEARCH} at 50 %" in judge(facts).sentence


def test_while_the_night_is_under_way_nothing_is_to_do_and_search_has_an_age() -> None:
    runs = [run for run in fine_night() if run.run_after < at("01:29")]
    night = judge(known([*runs, scheduled(SEARCH, state="running")], now=at("01:30"), search=search(index(WEDNESDAY))))
    assert (night.verdict, night.details) == (
        "under way",
        ("Nothing to do now; search is as of 01:29 on Wed 2026-11-25.",),
    )


def test_a_warning_while_the_night_is_under_way_is_something_to_do() -> None:
    runs = [run for run in fine_night() if run.run_after < at("01:29")]
    paused = {ALARM_DAG: DagFact(is_paused=True)}
    night = judge(known(runs, now=at("01:28"), search=search(index(WEDNESDAY)), dags=paused))
    assert (night.verdict, night.details) == ("under way", ("Search is as of 01:29 on Wed 2026-11-25.",))


@pytest.mark.parametrize(
    ("dag", "detail"),
    [
        (
            DagFact(next_run=at("01:29", NIGHT + timedelta(days=1))),
            "It stays there until the next build, at 01:29 tomorrow. Repair the source first, or pause "
            f"{SEARCH} in Airflow.",
        ),
        (
            DagFact(),
            f"It stays there until the next build. Repair the source first, or pause {SEARCH} in Airflow.",
        ),
        (
            DagFact(is_paused=True),
            f"It stays there: {SEARCH} is paused. Unpause its DAG in Airflow when its source is repaired.",
        ),
    ],
)
def test_a_rollback_lasts_until_the_next_build(dag: DagFact, detail: str) -> None:
    night = judge(known(fine_night(), search=search(index(WEDNESDAY), index()), dags={SEARCH: dag}))
    assert (night.verdict, night.details) == ("rolled back", (detail,))


def test_while_elasticsearch_is_down_the_last_build_is_named() -> None:
    (found,) = search(error="Elasticsearch does not answer (ConnectionError)")
    down = (replace(found, live=None),)
    night = judge(known([*fine_night(), manual(SEARCH, at("07:00"), dry_run=True)], search=down))
    assert (night.verdict, night.details) == ("needs you", (f"{SEARCH} last built an index at 01:29 today.",))
    nothing_known = known(fine_night(without=[SEARCH], but=[manual(OWNER, at("07:00"))]), search=down)
    assert not any("last built" in text for text in judge(nothing_known).details)


def test_that_no_job_ran_is_a_question_about_the_scheduler_only_if_its_state_is_not_known() -> None:
    assert judge(known([], components=())).sentence == "No job ran last night. Is the scheduler running?"
    assert judge(known([])).sentence == "No job ran last night. Airflow's scheduler is running now."


def test_a_paused_job_needs_somebody() -> None:
    facts = known(fine_night(without=[FUNDING]), dags={FUNDING: DagFact(is_paused=True)})
    night = judge(facts)
    assert (night.verdict, night.job(FUNDING).state, night.missing) == ("needs you", "paused", ())
    early = judge(replace(facts, now=at("01:00"), runs=()))
    assert early.job(FUNDING).state == "paused"
    assert early.job(FUNDING).is_stuck is False


def test_a_paused_job_that_is_done_is_a_warning() -> None:
    night = judge(known(fine_night(), dags={FUNDING: DagFact(is_paused=True)}))
    assert (night.verdict, night.warnings) == ("fine", (f"{FUNDING} is paused: it will not run in the next night.",))


@pytest.mark.parametrize("dag", [DagFact(is_paused=True), DagFact(is_known=False)])
@pytest.mark.parametrize("state", ["failed", "not run"])
def test_jobs_are_offered_to_run_only_if_they_and_those_before_them_can_run(dag: DagFact, state: str) -> None:
    runs = [run for run in failed_with_dependants(EMPLOYING) if state == "failed" or run.job != EMPLOYING]
    night = judge(known(fine_night(but=runs, without=[EMPLOYING, FUNDING]), dags={EMPLOYING: dag}))
    assert [root.job.job.name for root in night.roots] == [EMPLOYING, FUNDING]
    assert missing(night) == [FUNDING]


def test_a_done_job_whose_dag_airflow_does_not_know_is_a_warning() -> None:
    night = judge(known(fine_night(), dags={FUNDING: DagFact(is_known=False)}))
    assert (night.verdict, night.level) == ("fine", "warning")
    assert night.sentence == f"Last night was fine, but Airflow does not know the DAG of {FUNDING}."


def test_a_planned_run_is_a_warning_only_if_it_blocks_the_next_night() -> None:
    def planned(moment: datetime) -> Night:
        run = manual(FUNDING, moment, "queued", run_id="manual__later")
        return judge(known([*fine_night(), run], dags={FUNDING: DagFact(blocked_by="manual__later")}))

    night = planned(at("12:00", NIGHT + timedelta(days=2)))
    assert (night.verdict, night.warnings) == (
        "fine",
        (
            f"{FUNDING} will not run in the next night: the run manual__later, planned for Sun 2026-11-29 at 12:00, "
            "blocks it. Delete that run.",
        ),
    )
    assert planned(at("12:00")).warnings == ()


def test_a_failure_after_the_work_was_done_is_a_warning() -> None:
    night = judge(known([*fine_night(), manual(OWNER, at("07:00"), "failed")]))
    assert (night.verdict, night.warnings) == (
        "fine",
        (f"{OWNER} failed when admin ran it again at 07:01, after its work was done: read the log of that run.",),
    )
    assert night.sentence == (
        f"Last night was fine, but {OWNER} failed when admin ran it again at 07:01, after its work was done."
    )


def test_a_job_that_skipped_itself_is_done_by_the_run_that_covers_it() -> None:
    covering = manual(OWNER, at("00:06"))
    night = judge(known(fine_night(but=[scheduled(OWNER, worked=False), covering])))
    assert night.job(OWNER).run == covering


def event(name: str, moment: datetime, run: RunFact, **more: Any) -> EventFact:
    """What admin did to that run in Airflow."""
    values: dict[str, Any] = {"user": "admin", "event": name, "what": name, "dag_id": run.dag_id, "run_id": run.run_id}
    return EventFact(moment=moment, **values, **more)


def test_a_run_that_somebody_marked_as_successful_counts_with_a_warning() -> None:
    marked = scheduled(FUNDING)
    events = (event("patch_dag_run", at("07:00"), marked, marks_success=True),)
    night = judge(known(fine_night(but=[marked]), events=events))
    assert (night.verdict, night.level) == ("fine", "warning")
    assert night.sentence == (
        f"Last night was fine, but {FUNDING} counts as done because admin marked its run as successful at 07:00."
    )
    had_succeeded = replace(marked, report={"read": 3})
    assert judge(known(fine_night(but=[had_succeeded]), events=events)).warnings == ()
    cleared = replace(marked, worked_until=at("07:05"), times_cleared=1)
    assert judge(known(fine_night(but=[cleared]), events=events)).warnings == ()


def test_a_job_whose_run_was_deleted_names_who_did_it() -> None:
    deleted = event("delete_dag_run", at("07:00"), scheduled(FUNDING), is_deletion=True)
    night = judge(known(fine_night(without=[FUNDING]), events=(deleted,)))
    assert (night.job(FUNDING).state, night.job(FUNDING).why) == ("not run", "admin deleted a run of it at 07:00")
    earlier = replace(deleted, moment=at("01:00"))
    assert "has not" in judge(known(fine_night(without=[FUNDING]), events=(earlier,))).job(FUNDING).why


def test_a_database_that_does_not_answer_gives_no_verdict() -> None:
    night = judge(Facts(now=MORNING, error="Airflow's database does not answer"))
    assert (night.verdict, night.level, night.is_healthy) == ("unknown", "unknown", False)
    assert night.sentence == "It is not known how the night went: Airflow's database does not answer."


def test_the_usual_duration_is_the_median_of_the_nights_before() -> None:
    def took(days: int, minutes: int) -> RunFact:
        run = scheduled(OWNER, NIGHT - timedelta(days=days))
        return replace(run, worked_until=run.run_after + timedelta(minutes=minutes))

    facts = known([took(1, 1), took(2, 2), took(3, 9), took(20, 60)])
    assert usual_duration(facts, find_job(OWNER), NIGHT) == timedelta(minutes=2)
    assert usual_duration(known([]), find_job(OWNER), NIGHT) is None


def test_a_chain_that_goes_on_is_under_way() -> None:
    chain = manual(EMPLOYING, at("07:29"), "running", then_run=(TRAINING, SEARCH))
    night = judge(known(fine_night(but=[*failed_with_dependants(EMPLOYING), chain])))
    assert night.verdict == "under way"
    assert night.job(SEARCH).waits_for == f"for the end of {EMPLOYING}, which starts it"
    assert night.missing == ()
