"""PostFundingStatusSyncJob against the naive model, for one night and for missed ones."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.awkward_data import Connection, load, make_data_set, read_tables, seed_id, seeds
from tests.comparison import (
    RunJob,
    assert_same_tables,
    column,
    counts,
    no_change,
    row_versions,
    without,
)
from tests.naive_model import Tables, posts_to_make_inactive

JOB = "PostFundingStatusSyncJob"
RUN_DATE = date(2024, 3, 1)


def on(days: int) -> date:
    return RUN_DATE + timedelta(days=days)


def statuses(tables: Tables) -> dict[int, Any]:
    return column(tables, "post", "funding_status")


@pytest.mark.parametrize("covering", ["one_night", "missed_nights"])
@pytest.mark.parametrize("seed", seeds(5), ids=seed_id)
def test_posts_become_inactive_as_the_model_says_and_nothing_else_is_touched(
    tcs: Connection, run: RunJob, seed: int, covering: str
) -> None:
    data = make_data_set(seed)
    first_date = data.first_date if covering == "missed_nights" else None
    load(tcs, data.tables)
    before = read_tables(tcs)
    inactive = posts_to_make_inactive(before, data.run_date, first_date)

    report = run(JOB, data.run_date, first_date=first_date)

    after = read_tables(tcs)
    assert statuses(after) == statuses(before) | dict.fromkeys(inactive, "INACTIVE")
    already = sum(statuses(before)[post_id] == "INACTIVE" for post_id in inactive)
    assert counts(report) == no_change(len(inactive)) | {"changed": len(inactive) - already, "unchanged": already}
    assert (report.first_date, report.run_date) == (first_date or data.run_date, data.run_date)
    assert_same_tables(without(after, "post", "funding_status"), without(before, "post", "funding_status"))


@pytest.mark.parametrize("seed", seeds(3), ids=seed_id)
def test_a_second_run_reports_no_change_and_writes_no_row(tcs: Connection, run: RunJob, seed: int) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    run(JOB, data.run_date, first_date=data.first_date)
    versions = row_versions(tcs, "post")

    report = run(JOB, data.run_date, first_date=data.first_date)

    assert counts(report) == no_change(len(posts_to_make_inactive(data.tables, data.run_date, data.first_date)))
    assert row_versions(tcs, "post") == versions


@pytest.mark.parametrize("seed", seeds(3), ids=seed_id)
def test_a_dry_run_reports_what_a_real_run_does_and_writes_nothing(tcs: Connection, run: RunJob, seed: int) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    before = read_tables(tcs)

    dry = run(JOB, data.run_date, first_date=data.first_date, dry_run=True)

    assert_same_tables(read_tables(tcs), before)
    assert counts(dry) == counts(run(JOB, data.run_date, first_date=data.first_date))


@pytest.mark.parametrize("seed", seeds(3), ids=seed_id)
def test_one_run_over_missed_nights_ends_as_the_nightly_runs_would(tcs: Connection, run: RunJob, seed: int) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    night = data.first_date
    while night <= data.run_date:
        run(JOB, night)
        night += timedelta(days=1)
    night_by_night = read_tables(tcs)

    load(tcs, data.tables)
    run(JOB, data.run_date, first_date=data.first_date)
    assert_same_tables(read_tables(tcs), night_by_night)


def test_a_post_becomes_inactive_when_all_fundings_ended_and_a_started_one_ended_yesterday(
    tcs: Connection, run: RunJob
) -> None:
    cases: dict[str, list[tuple[date | None, date | None]]] = {
        "ended on the leap day before": [(on(-9), date(2024, 2, 29))],
        "ended before it started": [(on(5), on(-1))],
        "another one ended too and never started": [(on(-9), on(-1)), (None, on(-1))],
        "never started": [(None, on(-1))],
        "ends today": [(on(-9), on(0))],
        "ended two days ago": [(on(-9), on(-2))],
        "another one is open": [(on(-9), on(-1)), (on(-9), None)],
        "another one ends today": [(on(-9), on(-1)), (on(-9), on(0))],
        "no funding at all": [],
    }
    posts = [{"id": n, "national_post_number": case, "funding_status": "CURRENT"} for n, case in enumerate(cases)]
    fundings = [
        {"post_id": n, "start_date": start, "end_date": end}
        for n, dates in enumerate(cases.values())
        for start, end in dates
    ]
    load(tcs, {"post": posts, "post_funding": [{"id": n} | funding for n, funding in enumerate(fundings)]})

    run(JOB, RUN_DATE)

    inactive = {row["national_post_number"] for row in read_tables(tcs)["post"] if row["funding_status"] == "INACTIVE"}
    assert inactive == {
        "ended on the leap day before",
        "ended before it started",
        "another one ended too and never started",
    }


def test_a_post_without_status_becomes_inactive_too(tcs: Connection, run: RunJob) -> None:
    load(
        tcs, {"post": [{"id": 1}], "post_funding": [{"id": 1, "post_id": 1, "start_date": on(-9), "end_date": on(-1)}]}
    )
    assert run(JOB, RUN_DATE).changed == 1
    assert statuses(read_tables(tcs)) == {1: "INACTIVE"}


def test_fundings_without_a_post_are_ignored(tcs: Connection, run: RunJob) -> None:
    stray = {"start_date": on(-9), "end_date": on(-1)}
    load(tcs, {"post": [{"id": 1}], "post_funding": [{"id": 1, "post_id": 2} | stray, {"id": 2} | stray]})
    assert counts(run(JOB, RUN_DATE)) == no_change(0)
    assert statuses(read_tables(tcs)) == {1: None}
