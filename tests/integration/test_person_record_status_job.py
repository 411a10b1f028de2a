"""PersonRecordStatusJob against the naive model: statuses for every date_override, and the documents in search."""

from datetime import date, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from elasticsearch import Elasticsearch

from sync_jobs.errors import BadArgument
from tests.awkward_data import Connection, DataSet, load, make_data_set, read_tables, seed_id, seeds
from tests.comparison import (
    RunJob,
    all_indices,
    assert_same_documents,
    assert_same_tables,
    column,
    counts,
    documents_behind_alias,
    edit_as_the_application_does,
    indices_behind_alias,
    no_change,
    row_versions,
    without,
)
from tests.naive_model import Row, Tables, person_documents, person_statuses

JOB = "PersonRecordStatusJob"
INDEX_JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2024, 3, 1)
LEAP_DAY = date(2024, 2, 29)

NOT_DATES = (
    "2026-13-01",
    "2026-02-30",
    "2023-02-29",
    "01/02/2026",
    "2026-1-1",
    "20260101",
    "2026-01-01T00:00:00",
    "2026-W01-1",
    "-2026-01-01",
    "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0661",
    "NOW()",
    "today",
    "ANYONE",
    "ANY NONE",
    "'; DROP TABLE person; --",
    "%(run_date)s",
)

Arguments = dict[str, Any]


def on(days: int) -> date:
    return RUN_DATE + timedelta(days=days)


def statuses(tables: Tables) -> dict[int, Any]:
    return column(tables, "person", "status")


def cases(data: DataSet) -> dict[str, Arguments]:
    """The parameters of a run, by their subject."""
    two_days_ago = (data.run_date - timedelta(days=2)).isoformat()
    return {
        "the night itself": {},
        "missed nights": {"first_date": data.first_date},
        "another date": {"date_override": two_days_ago},
        "a date alone, in spite of missed nights": {
            "date_override": f" {two_days_ago}\n",
            "first_date": data.first_date,
        },
        "any": {"date_override": "ANY"},
        "any, written otherwise": {"date_override": "  aNy\t"},
        "none": {"date_override": "NONE"},
        "none, with a date configured": {"date_override": " none ", "date_of_change_override": two_days_ago},
        "blanks, with a date configured": {"date_override": "  ", "date_of_change_override": two_days_ago},
    }


@pytest.mark.parametrize("seed", seeds(5), ids=seed_id)
def test_statuses_are_those_of_the_model_for_all_arguments_and_nothing_else_is_touched(
    tcs: Connection, run: RunJob, seed: int
) -> None:
    data = make_data_set(seed)
    for case, arguments in cases(data).items():
        load(tcs, data.tables)
        before = read_tables(tcs)
        wanted = person_statuses(before, data.run_date, **arguments)

        report = run(JOB, data.run_date, **arguments)

        after = read_tables(tcs)
        assert statuses(after) == statuses(before) | wanted, case
        changed = sum(statuses(before)[person_id] != status for person_id, status in wanted.items())
        expected = no_change(len(wanted)) | {"changed": changed, "unchanged": len(wanted) - changed}
        assert counts(report) == expected, case
        assert_same_tables(without(after, "person", "status"), without(before, "person", "status"))


@pytest.mark.parametrize("case", ["missed nights", "any"])
@pytest.mark.parametrize("seed", seeds(2), ids=seed_id)
def test_a_second_run_reports_no_change_and_writes_no_row(tcs: Connection, run: RunJob, seed: int, case: str) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    run(JOB, data.run_date, **cases(data)[case])
    versions = row_versions(tcs, "person")

    report = run(JOB, data.run_date, **cases(data)[case])

    assert counts(report) == no_change(len(person_statuses(data.tables, data.run_date, **cases(data)[case])))
    assert row_versions(tcs, "person") == versions


@pytest.mark.parametrize("case", ["missed nights", "any"])
@pytest.mark.parametrize("seed", seeds(2), ids=seed_id)
def test_a_dry_run_reports_what_a_real_run_does_and_writes_nothing(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, seed: int, case: str
) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    run(INDEX_JOB, data.run_date)
    before, documents = read_tables(tcs), documents_behind_alias(elasticsearch)

    dry = run(JOB, data.run_date, dry_run=True, **cases(data)[case])

    assert_same_tables(read_tables(tcs), before)
    assert_same_documents(documents_behind_alias(elasticsearch), documents)
    real = run(JOB, data.run_date, **cases(data)[case])
    assert counts(dry) == counts(real)
    assert dry.refreshed == real.refreshed > 0


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


# The search


@pytest.mark.parametrize("case", ["the night itself", "missed nights", "any"])
@pytest.mark.parametrize("seed", seeds(2), ids=seed_id)
def test_the_search_shows_the_new_statuses_at_once(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, seed: int, case: str
) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    run(INDEX_JOB, data.run_date)
    index = indices_behind_alias(elasticsearch)
    before = statuses(read_tables(tcs))

    report = run(JOB, data.run_date, **cases(data)[case])

    after = read_tables(tcs)
    expected = person_documents(after, data.run_date)
    assert_same_documents(documents_behind_alias(elasticsearch), expected)
    changed = [person_id for person_id, status in statuses(after).items() if before[person_id] != status]
    assert report.changed == len(changed) > 0
    assert report.refreshed == sum(len(expected.get(person_id, [])) for person_id in changed)
    assert indices_behind_alias(elasticsearch) == index


@pytest.mark.parametrize("seed", seeds(2), ids=seed_id)
def test_documents_that_the_application_wrote_are_replaced_without_duplicates(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, seed: int
) -> None:
    """A third of the persons were edited after the build: Elasticsearch made the ids of their documents."""
    data = make_data_set(seed)
    load(tcs, data.tables)
    run(INDEX_JOB, data.run_date)
    found = documents_behind_alias(elasticsearch)
    edit_as_the_application_does(elasticsearch, {n: documents for n, documents in found.items() if n % 3 == 0})

    run(JOB, data.run_date, date_override="ANY")

    assert_same_documents(documents_behind_alias(elasticsearch), person_documents(read_tables(tcs), data.run_date))


@pytest.mark.parametrize("seed", seeds(3), ids=seed_id)
def test_a_build_after_the_refresh_finds_nothing_to_change(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, seed: int
) -> None:
    """Refreshed documents equal those of a build, ids included: otherwise the next night would report changes."""
    data = make_data_set(seed)
    load(tcs, data.tables)
    run(INDEX_JOB, data.run_date)
    assert run(JOB, data.run_date, date_override="ANY").refreshed > 0
    shown = documents_behind_alias(elasticsearch)

    report = run(INDEX_JOB, data.run_date)

    assert counts(report) == no_change(sum(map(len, shown.values())))


def test_statuses_are_written_even_where_no_index_was_ever_built(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    load(tcs, one_person([membership(1, on(0), on(9))]) | {"contact_details": [{"id": 7}]})
    report = run(JOB, RUN_DATE)
    assert statuses(read_tables(tcs)) == {7: "CURRENT"}
    assert (report.changed, report.refreshed) == (1, 0)
    assert all_indices(elasticsearch) == []


def test_documents_of_a_person_who_lost_the_contact_details_are_removed(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    load(tcs, one_person([membership(1, on(0), on(9))]) | {"contact_details": [{"id": 7}]})
    run(INDEX_JOB, RUN_DATE)
    assert list(documents_behind_alias(elasticsearch)) == [7]
    tcs.execute("DELETE FROM contact_details")

    run(JOB, RUN_DATE)

    assert documents_behind_alias(elasticsearch) == {}


def test_all_documents_of_a_person_are_refreshed(tcs: Connection, run: RunJob, elasticsearch: Elasticsearch) -> None:
    placements = [
        {"id": n, "trainee_id": 7, "date_from": on(0), "date_to": on(0), "site_code": f"site {n}"} for n in range(3)
    ]
    load(
        tcs,
        one_person([membership(1, on(0), on(9))], status="DELETE")
        | {"contact_details": [{"id": 7}], "placement": placements},
    )
    run(INDEX_JOB, RUN_DATE)

    report = run(JOB, RUN_DATE)

    assert report.refreshed == 3
    assert [document["status"] for document in documents_behind_alias(elasticsearch)[7]] == ["CURRENT"] * 3


def test_documents_keep_the_run_date_of_their_index(tcs: Connection, run: RunJob, elasticsearch: Elasticsearch) -> None:
    placement = {"id": 1, "trainee_id": 7, "date_from": on(0), "date_to": on(0), "site_code": "site of today"}
    person = one_person([membership(1, on(-30), on(-21))], status="CURRENT")
    load(tcs, person | {"contact_details": [{"id": 7}], "placement": [placement]})
    run(INDEX_JOB, RUN_DATE)

    assert run(JOB, on(-20)).refreshed == 1

    ((document,),) = documents_behind_alias(elasticsearch).values()
    assert (document["status"], document["siteCode"]) == ("INACTIVE", "site of today")


# The rule


def one_person(memberships: list[Row], status: str | None = None) -> Tables:
    return {"person": [{"id": 7, "status": status}], "programme_membership": memberships}


def membership(number: int, start: date | None, end: date | None, of: int | None = 7) -> Row:
    return {"uuid": UUID(int=number), "person_id": of, "programme_start_date": start, "programme_end_date": end}


def test_a_candidate_gets_its_status_independently_of_its_old_one(tcs: Connection, run: RunJob) -> None:
    dates_and_statuses = [
        (on(0), on(9), "CURRENT"),
        (on(0), on(0), "CURRENT"),
        (on(0), None, "INACTIVE"),
        (on(-9), LEAP_DAY, "INACTIVE"),
        (None, LEAP_DAY, "INACTIVE"),
    ]
    persons, memberships, expected = [], [], {}
    for n, (old, (start, end, new)) in enumerate(
        product(["CURRENT", "INACTIVE", "DELETE", "", None], dates_and_statuses)
    ):
        persons.append({"id": n, "status": old})
        memberships.append(membership(n, start, end, of=n))
        expected[n] = new
    load(tcs, {"person": persons, "programme_membership": memberships})

    report = run(JOB, RUN_DATE)

    assert statuses(read_tables(tcs)) == expected
    assert (report.read, report.changed, report.unchanged) == (25, 20, 5)


def test_a_membership_that_neither_starts_today_nor_ended_yesterday_makes_no_candidate(
    tcs: Connection, run: RunJob
) -> None:
    memberships = [
        membership(1, on(-1), on(9)),
        membership(2, on(1), on(9)),
        membership(3, on(-9), on(0)),
        membership(4, on(-9), on(-2)),
        membership(5, None, None),
    ]
    load(tcs, one_person(memberships, "DELETE"))
    assert counts(run(JOB, RUN_DATE)) == no_change(0)
    assert statuses(read_tables(tcs)) == {7: "DELETE"}


def test_any_other_membership_that_is_current_keeps_the_person_current(tcs: Connection, run: RunJob) -> None:
    load(tcs, one_person([membership(1, on(-9), on(-1)), membership(2, on(-5), on(0))], "INACTIVE"))
    run(JOB, RUN_DATE)
    assert statuses(read_tables(tcs)) == {7: "CURRENT"}


def test_candidates_of_another_date_get_the_status_of_the_run_date(tcs: Connection, run: RunJob) -> None:
    """A membership that started a week ago and ended since: current then, past now."""
    load(tcs, one_person([membership(1, on(-7), on(-3))], "CURRENT"))
    run(JOB, RUN_DATE, date_override=on(-7).isoformat())
    assert statuses(read_tables(tcs)) == {7: "INACTIVE"}


def test_any_takes_every_person_that_has_a_membership_and_no_other(tcs: Connection, run: RunJob) -> None:
    load(
        tcs,
        {
            "person": [{"id": n, "status": "DELETE"} for n in (1, 2, 3)],
            "programme_membership": [
                membership(1, None, None, of=1),
                membership(2, on(-9), on(9), of=2),
                membership(3, on(-9), on(9), of=99),
                membership(4, on(-9), on(9), of=None),
            ],
        },
    )
    report = run(JOB, RUN_DATE, date_override="ANY")
    assert statuses(read_tables(tcs)) == {1: "INACTIVE", 2: "CURRENT", 3: "DELETE"}
    assert report.read == 2


@pytest.mark.parametrize("name", ["date_override", "date_of_change_override"])
def test_a_date_override_that_is_not_a_text_is_refused(run: RunJob, name: str) -> None:
    with pytest.raises(BadArgument, match=f"^{name}: expected a text, which may be empty, got None$"):
        run(JOB, RUN_DATE, **{name: None})


def test_anything_else_is_refused_in_the_words_that_operators_know_and_nothing_runs(
    tcs: Connection, run: RunJob
) -> None:
    load(tcs, one_person([membership(1, on(0), on(9))], "DELETE"))
    for given in NOT_DATES:
        with pytest.raises(BadArgument) as caught:
            run(JOB, RUN_DATE, date_override=given)
        assert str(caught.value) == f"The date is not correct: {given}"
    assert statuses(read_tables(tcs)) == {7: "DELETE"}


def test_a_very_long_date_override_is_refused_without_being_repeated_in_full(tcs: Connection, run: RunJob) -> None:
    load(tcs, one_person([membership(1, on(0), on(9))], "DELETE"))
    with pytest.raises(BadArgument, match=r"^The date is not correct: 9{50}") as caught:
        run(JOB, RUN_DATE, date_override="9" * 10_000)
    assert len(str(caught.value)) < 1_000
    assert statuses(read_tables(tcs)) == {7: "DELETE"}


def test_a_wrong_configured_date_is_refused_too(tcs: Connection, run: RunJob) -> None:
    load(tcs, one_person([membership(1, on(0), on(9))], "DELETE"))
    with pytest.raises(BadArgument, match=r"^The date is not correct: 2026-02-30$"):
        run(JOB, RUN_DATE, date_override="NONE", date_of_change_override="2026-02-30")
    assert statuses(read_tables(tcs)) == {7: "DELETE"}
