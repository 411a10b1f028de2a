"""PersonOwnerRebuildJob against the naive model, and what only a real database can show."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

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
    owners,
    row_versions,
    without,
)
from tests.naive_model import Row, person_owners

JOB = "PersonOwnerRebuildJob"
RUN_DATE = date(2024, 2, 29)


def on(days: int) -> date:
    return RUN_DATE + timedelta(days=days)


@pytest.mark.parametrize("seed", seeds(6), ids=seed_id)
def test_owners_are_those_of_the_model_and_the_report_counts_what_changed(
    tcs: Connection, run: RunJob, seed: int
) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    before = read_tables(tcs)

    report = run(JOB, data.run_date)

    after = read_tables(tcs)
    assert owners(after) == person_owners(before, data.run_date)
    assert counts(report) == expected_counts(owners(before), owners(after))
    assert_same_tables(without(after, "person_owner"), without(before, "person_owner"))


@pytest.mark.parametrize("seed", seeds(3), ids=seed_id)
def test_a_second_run_reports_no_change_and_writes_no_row(tcs: Connection, run: RunJob, seed: int) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    run(JOB, data.run_date)
    versions = row_versions(tcs, "person_owner")

    report = run(JOB, data.run_date)

    assert counts(report) == no_change(len(data.tables["person"]))
    assert row_versions(tcs, "person_owner") == versions


@pytest.mark.parametrize("seed", seeds(3), ids=seed_id)
def test_a_dry_run_reports_what_a_real_run_does_and_writes_nothing(tcs: Connection, run: RunJob, seed: int) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    before = read_tables(tcs)

    dry = run(JOB, data.run_date, dry_run=True)

    assert dry.dry_run
    assert_same_tables(read_tables(tcs), before)
    assert counts(dry) == counts(run(JOB, data.run_date))


def test_owners_follow_the_run_date_day_by_day(tcs: Connection, run: RunJob) -> None:
    """Over a whole week around the boundary dates, each run on what the one before it left."""
    data = make_data_set(1)
    load(tcs, data.tables)
    for days in range(-3, 4):
        run_date = data.run_date + timedelta(days=days)
        run(JOB, run_date)
        assert owners(read_tables(tcs)) == person_owners(data.tables, run_date), run_date


def owner_of_person_7(tcs: Connection, run: RunJob, **rows: list[Row]) -> Any:
    """(owner, rule) of one person with these memberships and placements, in a programme and posts with owners."""
    tables: dict[str, list[Row]] = {
        "person": [{"id": 7}],
        "programme": [{"id": 1, "owner": "one"}, {"id": 2, "owner": "two"}, {"id": 3, "owner": None}],
        "post": [{"id": 1, "owner": "post one"}, {"id": 2, "owner": "post two"}, {"id": 3, "owner": None}],
    }
    load(tcs, tables | rows)
    run(JOB, RUN_DATE)
    return owners(read_tables(tcs))[7]


def membership(number: int, start: date | None, end: date | None, programme_id: int | None = 1) -> Row:
    return {
        "uuid": UUID(int=number),
        "person_id": 7,
        "programme_id": programme_id,
        "programme_start_date": start,
        "programme_end_date": end,
    }


def placement(number: int, start: date | None, end: date | None, post_id: int | None = 1) -> Row:
    return {"id": number, "trainee_id": 7, "post_id": post_id, "date_from": start, "date_to": end}


def test_a_first_candidate_without_owner_hands_over_to_the_next_rule(tcs: Connection, run: RunJob) -> None:
    found = owner_of_person_7(
        tcs,
        run,
        programme_membership=[membership(1, on(-2), on(0), programme_id=3), membership(2, on(-1), on(0))],
        placement=[placement(1, on(0), on(0))],
    )
    assert found == ("post one", "P2")


def test_a_membership_whose_programme_is_missing_is_passed_over_for_the_next_candidate(
    tcs: Connection, run: RunJob
) -> None:
    found = owner_of_person_7(
        tcs,
        run,
        programme_membership=[membership(1, on(-2), on(0), programme_id=99), membership(2, on(-1), on(0))],
    )
    assert found == ("one", "P1")


def test_equal_dates_are_decided_by_the_lowest_uuid(tcs: Connection, run: RunJob) -> None:
    high, low = 0xF000 << 112, 0x0FFF << 112
    memberships = [membership(high, on(0), on(0), 2), membership(low, on(0), on(9), 1)]
    assert owner_of_person_7(tcs, run, programme_membership=memberships) == ("one", "P1")


def test_equal_dates_are_decided_by_the_lowest_placement_id_as_a_number(tcs: Connection, run: RunJob) -> None:
    placements = [placement(10, on(-9), on(-1), 2), placement(9, on(-5), on(-1), 1)]
    assert owner_of_person_7(tcs, run, placement=placements) == ("post one", "P8")


def test_an_empty_owner_is_an_owner(tcs: Connection, run: RunJob) -> None:
    found = owner_of_person_7(
        tcs,
        run,
        programme=[{"id": 1, "owner": ""}],
        programme_membership=[membership(1, on(0), on(0))],
        placement=[placement(1, on(0), on(0))],
    )
    assert found == ("", "P1")


def test_a_person_with_nothing_at_all_has_a_row_without_owner(tcs: Connection, run: RunJob) -> None:
    assert owner_of_person_7(tcs, run) == (None, None)


def test_deleted_persons_lose_their_row(tcs: Connection, run: RunJob) -> None:
    load(tcs, {"person": [{"id": 7}], "person_owner": [{"id": 8, "owner": "one", "rule": "P1"}]})
    report = run(JOB, RUN_DATE)
    assert owners(read_tables(tcs)) == {7: (None, None)}
    assert counts(report) == {"read": 1, "added": 1, "changed": 0, "removed": 1, "unchanged": 0}


def test_only_rows_that_differ_are_written(tcs: Connection, run: RunJob) -> None:
    load(tcs, {"person": [{"id": n} for n in range(5)]})
    run(JOB, RUN_DATE)
    versions = row_versions(tcs, "person_owner")
    tcs.execute("UPDATE person_owner SET owner = 'wrong', rule = 'P1' WHERE id = 3")

    report = run(JOB, RUN_DATE)

    assert counts(report) == {"read": 5, "added": 0, "changed": 1, "removed": 0, "unchanged": 4}
    assert len(set(row_versions(tcs, "person_owner")) & set(versions)) == 4


def test_empty_tables_give_no_rows(tcs: Connection, run: RunJob) -> None:
    load(tcs, {})
    assert counts(run(JOB, RUN_DATE)) == no_change(0)


def test_an_emptied_person_table_is_refused_unless_the_limit_is_lifted(tcs: Connection, run: RunJob) -> None:
    load(tcs, {"person": [{"id": n} for n in range(150)]})
    run(JOB, RUN_DATE)
    tcs.execute("DELETE FROM person")

    with pytest.raises(GuardRail, match="150"):
        run(JOB, RUN_DATE)
    assert len(owners(read_tables(tcs))) == 150

    report = run(JOB, RUN_DATE, limits=Limits(maximum_removed_percent=100))
    assert report.removed == 150
    assert owners(read_tables(tcs)) == {}
