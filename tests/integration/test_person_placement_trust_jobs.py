"""PersonPlacementEmployingBodyTrustJob and PersonPlacementTrainingBodyTrustJob against the naive model."""

from datetime import date

import pytest

from sync_jobs.errors import GuardRail
from sync_jobs.guard_rail import Limits
from tests.awkward_data import Connection, load, make_data_set, read_tables, seed_id, seeds
from tests.comparison import (
    RunJob,
    assert_same_tables,
    counts,
    expected_counts,
    no_change,
    row_versions,
    trusts,
    without,
)
from tests.naive_model import person_trusts

RUN_DATE = date(2024, 2, 29)
EMPLOYING_JOB = "PersonPlacementEmployingBodyTrustJob"
TRAINING_JOB = "PersonPlacementTrainingBodyTrustJob"
OTHER_BODY = {"EMPLOYING": "TRAINING", "TRAINING": "EMPLOYING"}
both_jobs = pytest.mark.parametrize(
    ("job", "body"), [(EMPLOYING_JOB, "EMPLOYING"), (TRAINING_JOB, "TRAINING")], ids=["employing", "training"]
)


@both_jobs
@pytest.mark.parametrize("seed", seeds(5), ids=seed_id)
def test_pairs_are_those_of_the_model_and_the_other_body_is_left_alone(
    tcs: Connection, run: RunJob, seed: int, job: str, body: str
) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    before = read_tables(tcs)

    report = run(job, data.run_date)

    after = read_tables(tcs)
    mine_before, mine_after = trusts(before, "person_trust", body), trusts(after, "person_trust", body)
    assert mine_after == person_trusts(before, body)
    assert counts(report) == expected_counts(dict.fromkeys(mine_before), dict.fromkeys(mine_after))
    assert trusts(after, "person_trust", OTHER_BODY[body]) == trusts(before, "person_trust", OTHER_BODY[body])
    assert_same_tables(without(after, "person_trust"), without(before, "person_trust"))


@pytest.mark.parametrize("seed", seeds(3), ids=seed_id)
def test_second_runs_report_no_change_and_write_no_row(tcs: Connection, run: RunJob, seed: int) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    run(EMPLOYING_JOB, data.run_date)
    run(TRAINING_JOB, data.run_date)
    versions = row_versions(tcs, "person_trust")

    employing, training = run(EMPLOYING_JOB, data.run_date), run(TRAINING_JOB, data.run_date)

    assert counts(employing) == no_change(len(person_trusts(data.tables, "EMPLOYING")))
    assert counts(training) == no_change(len(person_trusts(data.tables, "TRAINING")))
    assert row_versions(tcs, "person_trust") == versions


@both_jobs
def test_a_dry_run_reports_what_a_real_run_does_and_writes_nothing(
    tcs: Connection, run: RunJob, job: str, body: str
) -> None:
    data = make_data_set(2)
    load(tcs, data.tables)
    before = read_tables(tcs)

    dry = run(job, data.run_date, dry_run=True)

    assert trusts(before, "person_trust", body) != person_trusts(before, body)
    assert_same_tables(read_tables(tcs), before)
    assert counts(dry) == counts(run(job, data.run_date))
    assert trusts(read_tables(tcs), "person_trust", OTHER_BODY[body]) == trusts(
        before, "person_trust", OTHER_BODY[body]
    )


@both_jobs
def test_the_run_date_makes_no_difference(tcs: Connection, run: RunJob, job: str, body: str) -> None:
    data = make_data_set(3)
    load(tcs, data.tables)
    run(job, date(1900, 1, 1))
    assert trusts(read_tables(tcs), "person_trust", body) == person_trusts(data.tables, body)
    assert run(job, date(9999, 12, 31)).unchanged == len(person_trusts(data.tables, body))
    leftovers = trusts(data.tables, "person_trust", OTHER_BODY[body])
    assert trusts(read_tables(tcs), "person_trust", OTHER_BODY[body]) == leftovers


def test_past_and_future_placements_count_and_equal_pairs_are_one(tcs: Connection, run: RunJob) -> None:
    load(
        tcs,
        {
            "person": [{"id": 7}],
            "post": [
                {"id": 1, "employing_body_id": 10, "training_body_id": 20},
                {"id": 2, "employing_body_id": 10},
                {"id": 3, "employing_body_id": 0},
            ],
            "placement": [
                {"id": 1, "trainee_id": 7, "post_id": 1, "date_from": date(1999, 1, 1), "date_to": date(1999, 1, 2)},
                {"id": 2, "trainee_id": 7, "post_id": 2, "date_from": date(2099, 1, 1)},
                {"id": 3, "trainee_id": 7, "post_id": 3},
            ],
        },
    )
    run(EMPLOYING_JOB, RUN_DATE)
    run(TRAINING_JOB, RUN_DATE)
    tables = read_tables(tcs)
    assert trusts(tables, "person_trust", "EMPLOYING") == {(7, 10), (7, 0)}
    assert trusts(tables, "person_trust", "TRAINING") == {(7, 20)}


def test_a_trust_that_both_employs_and_trains_has_a_row_of_each_body(tcs: Connection, run: RunJob) -> None:
    load(
        tcs,
        {
            "person": [{"id": 7}],
            "post": [{"id": 1, "employing_body_id": 10, "training_body_id": 10}],
            "placement": [{"id": 1, "trainee_id": 7, "post_id": 1}],
        },
    )
    run(TRAINING_JOB, RUN_DATE)
    run(EMPLOYING_JOB, RUN_DATE)
    assert len(read_tables(tcs)["person_trust"]) == 2

    tcs.execute("UPDATE post SET employing_body_id = NULL")
    run(EMPLOYING_JOB, RUN_DATE)
    assert trusts(read_tables(tcs), "person_trust", "EMPLOYING") == set()
    assert trusts(read_tables(tcs), "person_trust", "TRAINING") == {(7, 10)}


def test_a_placement_without_its_person_or_post_gives_no_row(tcs: Connection, run: RunJob) -> None:
    load(
        tcs,
        {
            "person": [{"id": 7}],
            "post": [{"id": 1, "employing_body_id": 10, "training_body_id": 20}],
            "placement": [
                {"id": 1, "trainee_id": 7, "post_id": 99},
                {"id": 2, "trainee_id": 8, "post_id": 1},
                {"id": 3, "trainee_id": 7},
                {"id": 4, "post_id": 1},
            ],
        },
    )
    run(EMPLOYING_JOB, RUN_DATE)
    run(TRAINING_JOB, RUN_DATE)
    assert read_tables(tcs)["person_trust"] == []


@both_jobs
def test_posts_that_lost_all_their_bodies_do_not_empty_the_trusts(
    tcs: Connection, run: RunJob, job: str, body: str
) -> None:
    load(
        tcs,
        {
            "person": [{"id": n} for n in range(150)],
            "post": [{"id": 1, "employing_body_id": 10, "training_body_id": 20}],
            "placement": [{"id": n, "trainee_id": n, "post_id": 1} for n in range(150)],
        },
    )
    run(EMPLOYING_JOB, RUN_DATE)
    run(TRAINING_JOB, RUN_DATE)
    tcs.execute("UPDATE post SET employing_body_id = NULL, training_body_id = NULL")

    with pytest.raises(GuardRail, match="150"):
        run(job, RUN_DATE)
    assert len(trusts(read_tables(tcs), "person_trust", body)) == 150

    assert run(job, RUN_DATE, limits=Limits(maximum_removed_percent=100)).removed == 150
    assert trusts(read_tables(tcs), "person_trust", body) == set()
    assert len(trusts(read_tables(tcs), "person_trust", OTHER_BODY[body])) == 150
