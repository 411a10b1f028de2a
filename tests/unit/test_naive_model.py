"""The naive model against cases derived manually from docs/domain.md, because the model checks the jobs."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.awkward_data import COLUMNS
from tests.comparison import FIELDS
from tests.naive_model import (
    Row,
    Tables,
    full_name,
    owner_and_rule,
    person_documents,
    person_owners,
    person_statuses,
    person_trusts,
    post_trusts,
    posts_to_make_inactive,
    programme_membership_status,
)

RUN_DATE = date(2024, 2, 29)
PERSON = 7
TABLES = (
    "person",
    "contact_details",
    "gmc_details",
    "gdc_details",
    "specialty",
    "programme",
    "post",
    "post_funding",
    "placement",
    "placement_specialty",
    "programme_membership",
    "curriculum_membership",
    "person_owner",
    "person_trust",
    "post_trust",
)


def on(days: int) -> date:
    """The date that many days after the run date."""
    return RUN_DATE + timedelta(days=days)


def tables(**rows: list[Row]) -> Tables:
    return {table: rows.get(table, []) for table in TABLES}


def person(person_id: int = PERSON, **fields: Any) -> Row:
    return dict.fromkeys(COLUMNS["person"]) | {"id": person_id} | fields


def membership(number: int, start: date | None, end: date | None, programme: int | None = 1, of: int = PERSON) -> Row:
    return {
        "uuid": UUID(int=number),
        "person_id": of,
        "programme_id": programme,
        "programme_start_date": start,
        "programme_end_date": end,
    }


def placement(number: int, start: date | None, end: date | None, post: int | None = 1, **fields: Any) -> Row:
    shown = {"grade_id": 5, "grade_abbreviation": "ST3", "site_id": 6, "site_code": "S", "placement_type": "In post"}
    own = {"id": number, "trainee_id": PERSON, "post_id": post, "date_from": start, "date_to": end}
    return own | shown | fields


def programme(number: int, owner: str | None = None, name: str | None = None) -> Row:
    return {"id": number, "owner": owner, "programme_name": name, "programme_number": None}


def post(
    number: int, owner: str | None = None, employing_body: int | None = None, training_body: int | None = None
) -> Row:
    return {"id": number, "owner": owner, "employing_body_id": employing_body, "training_body_id": training_body}


def owner_by(*rows: Row) -> tuple[str | None, str | None]:
    """The owner by these memberships and placements, in programmes and posts 1 and 2, which have different owners."""
    return owner_and_rule(
        tables(
            programme=[programme(1, "programme 1"), programme(2, "programme 2"), programme(3)],
            post=[post(1, "post 1"), post(2, "post 2"), post(3)],
            programme_membership=[row for row in rows if "uuid" in row],
            placement=[row for row in rows if "trainee_id" in row],
        ),
        PERSON,
        RUN_DATE,
    )


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (on(0), on(0), ("programme 1", "P1")),
        (on(-9), on(9), ("programme 1", "P1")),
        (on(1), on(9), ("programme 1", "P5")),
        (on(1), None, ("programme 1", "P5")),
        (on(-9), on(-1), ("programme 1", "P7")),
        (None, on(-1), ("programme 1", "P7")),
        (on(1), on(-1), ("programme 1", "P5")),
        (None, on(1), (None, None)),
        (None, on(0), (None, None)),
        (on(0), None, (None, None)),
        (None, None, (None, None)),
    ],
)
def test_the_dates_of_a_membership_choose_its_rule(
    start: date | None, end: date | None, expected: tuple[str | None, str | None]
) -> None:
    assert owner_by(membership(1, start, end)) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (on(0), on(0), ("post 1", "P2")),
        (on(1), None, ("post 1", "P6")),
        (None, on(-1), ("post 1", "P8")),
        (None, on(0), (None, None)),
        (on(0), None, (None, None)),
    ],
)
def test_the_dates_of_a_placement_choose_its_rule(
    start: date | None, end: date | None, expected: tuple[str | None, str | None]
) -> None:
    assert owner_by(placement(1, start, end)) == expected


def test_the_rules_are_tried_in_their_order() -> None:
    rows = {
        "P1": membership(1, on(-1), on(1)),
        "P2": placement(2, on(-1), on(1)),
        "P5": membership(3, on(1), on(2)),
        "P6": placement(4, on(1), on(2)),
        "P7": membership(5, on(-2), on(-1)),
        "P8": placement(6, on(-2), on(-1)),
    }
    names = list(rows)
    assert [owner_by(*[rows[rule] for rule in names[n:]])[1] for n in range(len(names))] == names


def test_the_earliest_current_or_future_one_comes_first() -> None:
    assert owner_by(membership(1, on(-1), on(9), 1), membership(2, on(-2), on(9), 2)) == ("programme 2", "P1")
    assert owner_by(placement(1, on(3), on(9), 1), placement(2, on(2), on(9), 2)) == ("post 2", "P6")


def test_the_latest_past_one_comes_first() -> None:
    assert owner_by(membership(1, on(-9), on(-3), 1), membership(2, on(-9), on(-2), 2)) == ("programme 2", "P7")
    assert owner_by(placement(1, on(-9), on(-3), 1), placement(2, on(-9), on(-2), 2)) == ("post 2", "P8")


def test_the_lowest_key_wins_among_equals() -> None:
    high = 0xF0 << 120
    assert owner_by(membership(high, on(0), on(0), 2), membership(9, on(0), on(5), 1)) == ("programme 1", "P1")
    assert owner_by(membership(high, on(-9), on(-1), 2), membership(9, on(-5), on(-1), 1)) == ("programme 1", "P7")
    assert owner_by(placement(10, on(1), None, 2), placement(9, on(1), on(2), 1)) == ("post 1", "P6")
    assert owner_by(placement(10, None, on(-1), 2), placement(9, on(-3), on(-1), 1)) == ("post 1", "P8")


def test_the_second_candidate_of_a_rule_never_counts() -> None:
    first_without_owner = membership(1, on(-2), on(2), 3)
    second_with_owner = membership(2, on(-1), on(2), 1)
    past_placement = placement(3, on(-9), on(-8))
    assert owner_by(first_without_owner, second_with_owner, past_placement) == ("post 1", "P8")


def test_a_membership_without_its_programme_is_no_candidate() -> None:
    assert owner_by(membership(1, on(-2), on(2), 99), membership(2, on(-1), on(2), 1)) == ("programme 1", "P1")
    assert owner_by(membership(1, on(-2), on(2), None)) == (None, None)


def test_a_placement_without_its_post_is_no_candidate() -> None:
    assert owner_by(placement(1, on(-2), on(2), 99), placement(2, on(-1), on(2), 1)) == ("post 1", "P2")


def test_an_empty_owner_is_an_owner() -> None:
    data = tables(programme=[programme(1, "")], programme_membership=[membership(1, on(0), on(0))])
    assert owner_and_rule(data, PERSON, RUN_DATE) == ("", "P1")


def test_a_membership_with_swapped_dates_is_future_and_past_at_once() -> None:
    data = tables(
        programme=[programme(1), programme(2, "of the second")],
        programme_membership=[membership(1, on(1), on(-1), 2), membership(2, on(1), on(9), 1)],
    )
    assert owner_and_rule(data, PERSON, RUN_DATE) == ("of the second", "P5")
    data["programme_membership"][1]["uuid"] = UUID(int=0)
    assert owner_and_rule(data, PERSON, RUN_DATE) == ("of the second", "P7")


def test_exactly_the_persons_have_entries() -> None:
    data = tables(person=[person(1), person(2)], programme_membership=[membership(1, on(0), on(0), of=3)])
    assert person_owners(data, RUN_DATE) == {1: (None, None), 2: (None, None)}


def test_trusts_of_a_person_are_distinct_over_all_placements_of_existing_people_in_existing_posts() -> None:
    data = tables(
        person=[person()],
        post=[post(1, None, 10, 20), post(2, None, 10, None), post(3, None, None, 20)],
        placement=[
            placement(1, on(-9), on(-8), 1),
            placement(2, on(8), on(9), 2),
            placement(3, None, None, 3),
            placement(4, on(0), on(0), 99),
            placement(5, on(0), on(0), None),
            placement(6, on(0), on(0), 1, trainee_id=8),
            placement(7, on(0), on(0), 1, trainee_id=None),
        ],
    )
    assert person_trusts(data, "EMPLOYING") == {(PERSON, 10)}
    assert person_trusts(data, "TRAINING") == {(PERSON, 20)}


def test_trusts_of_posts_leave_out_missing_bodies() -> None:
    data = tables(post=[post(1, None, 10, 20), post(2, None, 10, None), post(3, None, None, 0)])
    assert post_trusts(data, "EMPLOYING") == {(1, 10), (2, 10)}
    assert post_trusts(data, "TRAINING") == {(1, 20), (3, 0)}


@pytest.mark.parametrize(
    ("forenames", "surname", "expected"),
    [
        ("Anna", "Smith", "Anna Smith"),
        (None, "Smith", "Smith"),
        ("Anna", None, "Anna"),
        (None, None, None),
        ("", "Smith", " Smith"),
        ("", "", " "),
        ("", None, ""),
    ],
)
def test_a_missing_part_of_the_full_name_takes_its_space_with_it(
    forenames: str | None, surname: str | None, expected: str | None
) -> None:
    assert full_name(forenames, surname) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (on(0), on(0), "CURRENT"),
        (on(-1), on(1), "CURRENT"),
        (on(1), on(2), "FUTURE"),
        (on(-2), on(-1), "PAST"),
        (on(1), on(-1), "FUTURE"),
        (None, on(1), "PAST"),
        (on(1), None, "PAST"),
        (None, None, "PAST"),
    ],
)
def test_the_status_of_a_programme_membership(start: date | None, end: date | None, expected: str) -> None:
    assert programme_membership_status(start, end, RUN_DATE) == expected


CONTACT: Row = dict.fromkeys(COLUMNS["contact_details"]) | {"id": PERSON, "surname": "Smith", "forenames": "Anna"}


def test_a_person_with_nothing_but_a_name_has_one_document_with_empty_lists() -> None:
    data = tables(person=[person(intrepid_id="i", role="r", status="CURRENT", public_health_number="n")])
    data["contact_details"] = [CONTACT]
    [document] = person_documents(data, RUN_DATE)[PERSON]
    assert document.keys() == set(FIELDS)
    assert {name: value for name, value in document.items() if value is not None} == {
        "personId": PERSON,
        "intrepidId": "i",
        "role": "r",
        "status": "CURRENT",
        "publicHealthNumber": "n",
        "surname": "Smith",
        "forenames": "Anna",
        "fullName": "Anna Smith",
        "trusts": [],
        "programmeMemberships": [],
    }


def test_a_person_without_contact_details_has_no_document_nor_has_a_contact_without_person() -> None:
    data = tables(person=[person(1), person(2)], contact_details=[CONTACT | {"id": 2}, CONTACT | {"id": 3}])
    assert list(person_documents(data, RUN_DATE)) == [2]


def test_a_full_document() -> None:
    data = tables(
        person=[person()],
        contact_details=[CONTACT],
        gmc_details=[{"id": PERSON, "gmc_number": "1234567"}],
        gdc_details=[{"id": PERSON, "gdc_number": "D1"}],
        specialty=[{"id": 4, "name": "Cardiology"}],
        placement=[placement(1, on(0), on(0), post=None)],
        placement_specialty=[{"placement_id": 1, "specialty_id": 4, "placement_specialty_type": "PRIMARY"}],
        programme=[{"id": 1, "owner": None, "programme_name": "Heart", "programme_number": "H1"}],
        programme_membership=[membership(1, on(1), on(2)), membership(2, on(0), on(0), 99)],
        curriculum_membership=[
            {"id": 31, "programme_membership_uuid": UUID(int=2)},
            {"id": 30, "programme_membership_uuid": UUID(int=1)},
            {"id": 32, "programme_membership_uuid": UUID(int=3)},
        ],
        person_owner=[{"id": PERSON, "owner": "London", "rule": "P1"}],
        person_trust=[
            {"person_id": PERSON, "trust_id": 9, "body": "TRAINING"},
            {"person_id": PERSON, "trust_id": 9, "body": "EMPLOYING"},
            {"person_id": PERSON, "trust_id": 8, "body": "EMPLOYING"},
            {"person_id": 1, "trust_id": 7, "body": "EMPLOYING"},
        ],
    )
    [document] = person_documents(data, RUN_DATE)[PERSON]
    assert {name: value for name, value in document.items() if value is not None} == {
        "personId": PERSON,
        "surname": "Smith",
        "forenames": "Anna",
        "fullName": "Anna Smith",
        "gmcNumber": "1234567",
        "gdcNumber": "D1",
        "gradeId": 5,
        "gradeAbbreviation": "ST3",
        "siteId": 6,
        "siteCode": "S",
        "placementType": "In post",
        "specialty": "Cardiology",
        "currentOwner": "London",
        "currentOwnerRule": "P1",
        "trusts": [{"personId": PERSON, "trustId": 8}, {"personId": PERSON, "trustId": 9}],
        "programmeMemberships": [
            {
                "id": 30,
                "personId": PERSON,
                "programmeId": 1,
                "programmeName": "Heart",
                "programmeNumber": "H1",
                "programmeMembershipStatus": "FUTURE",
            },
            {
                "id": 31,
                "personId": PERSON,
                "programmeId": 99,
                "programmeName": None,
                "programmeNumber": None,
                "programmeMembershipStatus": "CURRENT",
            },
        ],
    }


@pytest.mark.parametrize(
    ("placements", "sites"),
    [
        ([], [None]),
        ([placement(1, on(-2), on(-1)), placement(2, on(1), on(2)), placement(3, None, on(2))], [None]),
        ([placement(1, on(0), on(9), site_code="A"), placement(2, on(-9), on(0), site_code="B")], ["A", "B"]),
        ([placement(1, on(0), on(9), 1), placement(2, on(-9), on(0), 2)], ["S"]),
    ],
)
def test_there_is_one_document_for_each_different_current_placement(
    placements: list[Row], sites: list[str | None]
) -> None:
    data = tables(person=[person()], contact_details=[CONTACT], placement=placements)
    assert [document["siteCode"] for document in person_documents(data, RUN_DATE)[PERSON]] == sites


@pytest.mark.parametrize(
    ("links", "names"),
    [
        ([], {None}),
        ([(1, "OTHER"), (1, "SUB_SPECIALTY"), (1, None)], {None}),
        ([(1, "PRIMARY"), (1, "PRIMARY")], {"Cardiology"}),
        ([(1, "PRIMARY"), (2, "PRIMARY")], {"Cardiology"}),
        ([(1, "PRIMARY"), (3, "PRIMARY")], {"Cardiology", "Surgery"}),
        ([(1, "PRIMARY"), (99, "PRIMARY")], {"Cardiology", None}),
    ],
)
def test_there_is_one_document_for_each_different_primary_specialty(
    links: list[tuple[int, str]], names: set[str | None]
) -> None:
    data = tables(
        person=[person()],
        contact_details=[CONTACT],
        placement=[placement(1, on(0), on(0))],
        specialty=[{"id": 1, "name": "Cardiology"}, {"id": 2, "name": "Cardiology"}, {"id": 3, "name": "Surgery"}],
        placement_specialty=[
            {"placement_id": 1, "specialty_id": specialty, "placement_specialty_type": kind}
            for specialty, kind in links
        ],
    )
    found = [document["specialty"] for document in person_documents(data, RUN_DATE)[PERSON]]
    assert len(found) == len(names)
    assert set(found) == names


@pytest.mark.parametrize(
    ("fundings", "becomes_inactive"),
    [
        ([(on(-9), on(-1))], True),
        ([(None, on(-1))], False),
        ([(on(-9), on(0))], False),
        ([(on(-9), on(-2))], False),
        ([(on(-9), on(-1)), (on(-9), on(-2))], True),
        ([(on(-9), on(-1)), (None, on(-2))], True),
        ([(on(-9), on(-1)), (on(-9), on(0))], False),
        ([(on(-9), on(-1)), (on(-9), None)], False),
        ([], False),
    ],
)
def test_a_post_becomes_inactive_when_its_last_funding_ended_yesterday(
    fundings: list[tuple[date | None, date | None]], becomes_inactive: bool
) -> None:
    data = tables(
        post=[post(1), post(2)],
        post_funding=[{"post_id": 1, "start_date": start, "end_date": end} for start, end in fundings],
    )
    assert posts_to_make_inactive(data, RUN_DATE) == ({1} if becomes_inactive else set())


def test_missed_nights_are_covered_from_the_first_date_to_the_run_date() -> None:
    data = tables(
        post=[post(n) for n in range(5)],
        post_funding=[{"post_id": n, "start_date": on(-99), "end_date": on(-n)} for n in range(5)],
        person=[person(n) for n in range(5)],
        programme_membership=[membership(n, on(-99), on(-n), of=n) for n in range(5)],
    )
    assert posts_to_make_inactive(data, RUN_DATE, first_date=on(-2)) == {1, 2, 3}
    assert set(person_statuses(data, RUN_DATE, first_date=on(-2))) == {1, 2, 3}


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (on(0), on(5), {PERSON: "CURRENT"}),
        (on(0), None, {PERSON: "INACTIVE"}),
        (on(-5), on(-1), {PERSON: "INACTIVE"}),
        (None, on(-1), {PERSON: "INACTIVE"}),
        (on(-1), on(5), {}),
        (on(-5), on(0), {}),
        (None, None, {}),
    ],
)
def test_a_membership_that_starts_today_or_ended_yesterday_makes_a_candidate(
    start: date | None, end: date | None, expected: dict[int, str]
) -> None:
    assert person_statuses(tables(person=[person()], programme_membership=[membership(1, start, end)]), RUN_DATE) == (
        expected
    )


def test_any_current_membership_makes_a_candidate_current_even_without_its_programme() -> None:
    ended = membership(1, on(-9), on(-1))
    current = membership(2, on(-5), on(0), programme=99)
    data = tables(person=[person(status="DELETE")], programme_membership=[ended, current])
    assert person_statuses(data, RUN_DATE) == {PERSON: "CURRENT"}


@pytest.mark.parametrize(
    ("date_override", "date_of_change_override", "candidates"),
    [
        ("", "", {1}),
        ("", "2024-02-27", {1}),
        ("2024-02-28", "", {2}),
        (" 2024-02-28 ", "2024-02-27", {2}),
        ("ANY", "", {1, 2, 3, 4}),
        (" any\t", "", {1, 2, 3, 4}),
        ("NONE", "", {1}),
        ("nOnE", "2024-02-27", {3}),
    ],
)
def test_the_date_override_chooses_the_candidates(
    date_override: str, date_of_change_override: str, candidates: set[int]
) -> None:
    data = tables(
        person=[person(n) for n in (1, 2, 3, 4, 5)],
        programme_membership=[
            membership(1, on(0), on(9), of=1),
            membership(2, on(-1), on(9), of=2),
            membership(3, on(-9), on(-3), of=3),
            membership(4, None, None, of=4),
            membership(5, on(0), on(9), of=6),
        ],
    )
    statuses = person_statuses(
        data, RUN_DATE, date_override=date_override, date_of_change_override=date_of_change_override
    )
    assert set(statuses) == candidates
    assert {n: statuses[n] for n in candidates} == {n: "CURRENT" if n < 3 else "INACTIVE" for n in candidates}
