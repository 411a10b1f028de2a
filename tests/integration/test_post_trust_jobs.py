"""PostEmployingBodyTrustJob and PostTrainingBodyTrustJob against the naive model."""

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
from tests.naive_model import post_trusts

RUN_DATE = date(2024, 2, 29)
EMPLOYING_JOB = "PostEmployingBodyTrustJob"
TRAINING_JOB = "PostTrainingBodyTrustJob"
OTHER_BODY = {"EMPLOYING": "TRAINING", "TRAINING": "EMPLOYING"}
both_jobs = pytest.mark.parametrize(
    ("job", "body"), [(EMPLOYING_JOB, "EMPLOYING"), (TRAINING_JOB, "TRAINING")], ids=["employing", "training"]
)


@both_jobs
@pytest.mark.parametrize("seed", seeds(4), ids=seed_id)
def test_pairs_are_those_of_the_model_and_the_other_body_is_left_alone(
    tcs: Connection, run: RunJob, seed: int, job: str, body: str
) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    before = read_tables(tcs)

    report = run(job, data.run_date)

    after = read_tables(tcs)
    mine_before, mine_after = trusts(before, "post_trust", body), trusts(after, "post_trust", body)
    assert mine_after == post_trusts(before, body)
    assert counts(report) == expected_counts(dict.fromkeys(mine_before), dict.fromkeys(mine_after))
    assert trusts(after, "post_trust", OTHER_BODY[body]) == trusts(before, "post_trust", OTHER_BODY[body])
    assert_same_tables(without(after, "post_trust"), without(before, "post_trust"))


@pytest.mark.parametrize("seed", seeds(3), ids=seed_id)
def test_second_runs_report_no_change_and_write_no_row(tcs: Connection, run: RunJob, seed: int) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    run(EMPLOYING_JOB, data.run_date)
    run(TRAINING_JOB, data.run_date)
    versions = row_versions(tcs, "post_trust")

    employing, training = run(EMPLOYING_JOB, data.run_date), run(TRAINING_JOB, data.run_date)

    assert counts(employing) == no_change(len(post_trusts(data.tables, "EMPLOYING")))
    assert counts(training) == no_change(len(post_trusts(data.tables, "TRAINING")))
    assert row_versions(tcs, "post_trust") == versions


@both_jobs
def test_a_dry_run_reports_what_a_real_run_does_and_writes_nothing(
    tcs: Connection, run: RunJob, job: str, body: str
) -> None:
    data = make_data_set(2)
    load(tcs, data.tables)
    before = read_tables(tcs)

    dry = run(job, data.run_date, dry_run=True)

    assert trusts(before, "post_trust", body) != post_trusts(before, body)
    assert_same_tables(read_tables(tcs), before)
    assert counts(dry) == counts(run(job, data.run_date))
    assert trusts(read_tables(tcs), "post_trust", OTHER_BODY[body]) == trusts(before, "post_trust", OTHER_BODY[body])


def test_a_post_that_changes_its_body_changes_its_row(tcs: Connection, run: RunJob) -> None:
    load(tcs, {"post": [{"id": 1, "employing_body_id": 10, "training_body_id": 10}]})
    run(EMPLOYING_JOB, RUN_DATE)
    run(TRAINING_JOB, RUN_DATE)
    tcs.execute("UPDATE post SET employing_body_id = 11")

    report = run(EMPLOYING_JOB, RUN_DATE)

    assert counts(report) == {"read": 1, "added": 1, "changed": 0, "removed": 1, "unchanged": 0}
    assert trusts(read_tables(tcs), "post_trust", "EMPLOYING") == {(1, 11)}
    assert trusts(read_tables(tcs), "post_trust", "TRAINING") == {(1, 10)}


@both_jobs
def test_a_body_zero_counts_and_a_missing_one_does_not(tcs: Connection, run: RunJob, job: str, body: str) -> None:
    load(tcs, {"post": [{"id": 0, "employing_body_id": 0, "training_body_id": 0}, {"id": 1}]})
    run(job, RUN_DATE)
    assert trusts(read_tables(tcs), "post_trust", body) == {(0, 0)}
    assert trusts(read_tables(tcs), "post_trust", OTHER_BODY[body]) == set()


@both_jobs
def test_posts_that_lost_all_their_bodies_do_not_empty_the_trusts(
    tcs: Connection, run: RunJob, job: str, body: str
) -> None:
    load(tcs, {"post": [{"id": n, "employing_body_id": 10, "training_body_id": 20} for n in range(150)]})
    run(EMPLOYING_JOB, RUN_DATE)
    run(TRAINING_JOB, RUN_DATE)
    tcs.execute("UPDATE post SET employing_body_id = NULL, training_body_id = NULL")

    with pytest.raises(GuardRail, match="150"):
        run(job, RUN_DATE)
    assert len(trusts(read_tables(tcs), "post_trust", body)) == 150

    assert run(job, RUN_DATE, limits=Limits(maximum_removed_percent=100)).removed == 150
    assert trusts(read_tables(tcs), "post_trust", body) == set()
    assert len(trusts(read_tables(tcs), "post_trust", OTHER_BODY[body])) == 150
