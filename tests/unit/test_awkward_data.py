"""The random data sets contain every awkward case, because a comparison over simple data would prove nothing."""

from collections import Counter
from functools import cache

import pytest

from tests.awkward_data import DataSet, make_data_set
from tests.naive_model import (
    membership_candidates,
    person_documents,
    person_owners,
    person_statuses,
    person_trusts,
    placement_candidates,
    post_trusts,
    posts_to_make_inactive,
)

SEEDS = range(1, 9)


@cache
def data_sets() -> list[DataSet]:
    return [make_data_set(seed) for seed in SEEDS]


def test_the_same_seed_gives_the_same_data() -> None:
    assert make_data_set(5) == make_data_set(5)
    assert make_data_set(5) != make_data_set(6)


def test_every_rule_applies_to_some_person_and_some_persons_have_no_rule() -> None:
    rules = Counter(rule for data in data_sets() for _, rule in person_owners(data.tables, data.run_date).values())
    assert set(rules) == {"P1", "P2", "P5", "P6", "P7", "P8", None}
    assert min(rules.values()) >= 10


@pytest.mark.parametrize("date_name", ["start", "end"])
def test_candidates_tie(date_name: str) -> None:
    """Equal dates and different owners: the key has to decide."""
    ties = 0
    for data in data_sets():
        for person in data.tables["person"]:
            for candidates in (
                membership_candidates(data.tables, person["id"]),
                placement_candidates(data.tables, person["id"]),
            ):
                owners_by_date: dict[object, set[str | None]] = {}
                for candidate in candidates:
                    owners_by_date.setdefault(getattr(candidate, date_name), set()).add(candidate.owner)
                ties += sum(len(owners) > 1 for day, owners in owners_by_date.items() if day is not None)
    assert ties >= 10


def test_many_persons_have_more_than_one_document() -> None:
    counts = [len(found) for data in data_sets() for found in person_documents(data.tables, data.run_date).values()]
    assert sum(count > 1 for count in counts) >= 30
    assert max(counts) >= 4


@pytest.mark.parametrize(
    ("table", "column", "target", "key"),
    [
        ("contact_details", "id", "person", "id"),
        ("gmc_details", "id", "person", "id"),
        ("gdc_details", "id", "person", "id"),
        ("placement", "trainee_id", "person", "id"),
        ("placement", "post_id", "post", "id"),
        ("placement_specialty", "placement_id", "placement", "id"),
        ("placement_specialty", "specialty_id", "specialty", "id"),
        ("programme_membership", "person_id", "person", "id"),
        ("programme_membership", "programme_id", "programme", "id"),
        ("curriculum_membership", "programme_membership_uuid", "programme_membership", "uuid"),
        ("post_funding", "post_id", "post", "id"),
        ("person_owner", "id", "person", "id"),
        ("person_trust", "person_id", "person", "id"),
        ("post_trust", "post_id", "post", "id"),
    ],
)
def test_the_data_has_dangling_references_of_every_kind(table: str, column: str, target: str, key: str) -> None:
    for data in data_sets():
        targets = {row[key] for row in data.tables[target]}
        if any(row[column] is not None and row[column] not in targets for row in data.tables[table]):
            return
    pytest.fail(f"no {table}.{column} leads nowhere")


def test_every_night_has_changes_and_missed_nights_add_more() -> None:
    for data in data_sets():
        last_night = posts_to_make_inactive(data.tables, data.run_date)
        assert last_night
        assert last_night <= posts_to_make_inactive(data.tables, data.run_date, data.first_date)
        statuses = person_statuses(data.tables, data.run_date)
        assert set(statuses.values()) == {"CURRENT", "INACTIVE"}
        now = {person["id"]: person["status"] for person in data.tables["person"]}
        assert any(now[person_id] != status for person_id, status in statuses.items())
        assert any(now[person_id] == status for person_id, status in statuses.items())
    covered = [posts_to_make_inactive(data.tables, data.run_date, data.first_date) for data in data_sets()]
    alone = [posts_to_make_inactive(data.tables, data.run_date) for data in data_sets()]
    assert covered != alone


def test_existing_rows_are_partly_right_wrong_missing_or_stale() -> None:
    for data in data_sets():
        owners = {row["id"]: (row["owner"], row["rule"]) for row in data.tables["person_owner"]}
        wanted_owners = person_owners(data.tables, data.run_date)
        assert owners.keys() - wanted_owners.keys()
        assert wanted_owners.keys() - owners.keys()
        assert {owners[i] == wanted_owners[i] for i in owners.keys() & wanted_owners.keys()} == {True, False}
        for body in ("EMPLOYING", "TRAINING"):
            for table, column, wanted in (
                ("person_trust", "person_id", person_trusts(data.tables, body)),
                ("post_trust", "post_id", post_trusts(data.tables, body)),
            ):
                found = {(row[column], row["trust_id"]) for row in data.tables[table] if row["body"] == body}
                assert found - wanted
                assert wanted - found
                assert wanted & found
