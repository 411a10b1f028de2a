"""PersonElasticSearchSyncJob against the naive model: every document, to the last character and digit."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from elasticsearch import Elasticsearch

from tests.awkward_data import AWKWARD_IDS, AWKWARD_TEXTS, Connection, load, make_data_set, read_tables, seed_id, seeds
from tests.comparison import (
    ALIAS,
    SETTINGS,
    CountsByName,
    RunJob,
    all_indices,
    assert_same_documents,
    assert_same_tables,
    counts,
    documents_behind_alias,
    edit_as_the_application_does,
    indices_behind_alias,
    no_change,
)
from tests.naive_model import Document, Row, canonical, person_documents

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2024, 2, 29)
PERSON = 7

Documents = dict[int, list[Document]]


def on(days: int) -> date:
    return RUN_DATE + timedelta(days=days)


def count_documents(documents: Documents) -> int:
    return sum(map(len, documents.values()))


def expected_counts_by_person(before: Documents, after: Documents) -> CountsByName:
    """A document that another one of the same person replaces counts as changed, equal ones as unchanged."""
    added = changed = removed = unchanged = 0
    for person_id in before.keys() | after.keys():
        old = Counter(map(canonical, before.get(person_id, [])))
        new = Counter(map(canonical, after.get(person_id, [])))
        gone, come = (old - new).total(), (new - old).total()
        unchanged += (old & new).total()
        changed += min(gone, come)
        removed += gone - min(gone, come)
        added += come - min(gone, come)
    read = count_documents(after)
    return {"read": read, "added": added, "changed": changed, "removed": removed, "unchanged": unchanged}


@pytest.mark.parametrize("seed", seeds(8), ids=seed_id)
def test_documents_are_those_of_the_model_and_no_table_is_touched(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, seed: int
) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    tables = read_tables(tcs)
    expected = person_documents(tables, data.run_date)

    report = run(JOB, data.run_date)

    assert_same_documents(documents_behind_alias(elasticsearch), expected)
    assert counts(report) == expected_counts_by_person({}, expected)
    assert_same_tables(read_tables(tcs), tables)


@pytest.mark.parametrize("seed", seeds(3), ids=seed_id)
def test_after_a_whole_night_the_documents_are_those_of_the_model(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, seed: int
) -> None:
    """The index is built from what the jobs before it wrote."""
    data = make_data_set(seed)
    load(tcs, data.tables)
    for job in ("PersonOwnerRebuildJob", "PersonPlacementEmployingBodyTrustJob", "PersonPlacementTrainingBodyTrustJob"):
        run(job, data.run_date)
    run(JOB, data.run_date)
    assert_same_documents(documents_behind_alias(elasticsearch), person_documents(read_tables(tcs), data.run_date))


@pytest.mark.parametrize("seed", seeds(3), ids=seed_id)
def test_a_second_run_reports_no_change(tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, seed: int) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    run(JOB, data.run_date)
    documents = documents_behind_alias(elasticsearch)

    report = run(JOB, data.run_date)

    assert counts(report) == no_change(count_documents(documents))
    assert_same_documents(documents_behind_alias(elasticsearch), documents)
    assert len(indices_behind_alias(elasticsearch)) == 1


@pytest.mark.parametrize("body_bytes", [2_000, SETTINGS.body_bytes])
@pytest.mark.parametrize("seed", seeds(2), ids=seed_id)
def test_a_rebuild_follows_the_data_and_counts_what_it_changed(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, seed: int, body_bytes: int
) -> None:
    """The next day, with some persons gone, some new and some renamed; small bodies split a person's documents."""
    data = make_data_set(seed)
    load(tcs, data.tables)
    run(JOB, data.run_date)
    before = documents_behind_alias(elasticsearch)
    tcs.execute("DELETE FROM contact_details WHERE abs(id % 5) = 0")
    tcs.execute("UPDATE contact_details SET surname = 'Renamed' WHERE abs(id % 5) = 1")
    tcs.execute("INSERT INTO contact_details (id) SELECT id FROM person ON CONFLICT DO NOTHING")
    tomorrow = data.run_date + timedelta(days=1)

    report = run(JOB, tomorrow, settings=replace(SETTINGS, body_bytes=body_bytes))

    after = person_documents(read_tables(tcs), tomorrow)
    assert_same_documents(documents_behind_alias(elasticsearch), after)
    assert counts(report) == expected_counts_by_person(before, after)


@pytest.mark.parametrize("seed", seeds(1), ids=seed_id)
def test_a_dry_run_reports_what_a_real_run_does_and_leaves_no_trace(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, seed: int
) -> None:
    data = make_data_set(seed)
    load(tcs, data.tables)
    assert counts(run(JOB, data.run_date, dry_run=True)) == expected_counts_by_person(
        {}, person_documents(data.tables, data.run_date)
    )
    assert all_indices(elasticsearch) == []

    run(JOB, data.run_date)
    documents, indices = documents_behind_alias(elasticsearch), all_indices(elasticsearch)
    tomorrow = data.run_date + timedelta(days=1)
    dry = run(JOB, tomorrow, dry_run=True)
    assert_same_documents(documents_behind_alias(elasticsearch), documents)
    assert all_indices(elasticsearch) == indices
    assert counts(dry) == counts(run(JOB, tomorrow))


def test_a_document_of_an_unknown_person_counts_as_removed(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    load(tcs, {"person": [{"id": 1}, {"id": 2}], "contact_details": [{"id": 1, "surname": "Old"}, {"id": 2}]})
    run(JOB, RUN_DATE)
    for document in ({"surname": "Nobody"}, {"personId": None}):
        elasticsearch.index(index=ALIAS, document=document, refresh=True)
    load(tcs, {"person": [{"id": 1}, {"id": 3}], "contact_details": [{"id": 1, "surname": "New"}, {"id": 3}]})
    expected = {"read": 2, "added": 1, "changed": 1, "removed": 3, "unchanged": 0}
    assert counts(run(JOB, RUN_DATE, dry_run=True)) == counts(run(JOB, RUN_DATE)) == expected


def test_a_rebuild_replaces_what_the_application_wrote_under_ids_of_its_own(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    load(tcs, {"person": [{"id": 1}, {"id": 2}], "contact_details": [{"id": 1, "surname": "Old"}, {"id": 2}]})
    run(JOB, RUN_DATE)
    tcs.execute("UPDATE contact_details SET surname = 'New' WHERE id = 1")
    written = person_documents(read_tables(tcs), RUN_DATE)
    edit_as_the_application_does(elasticsearch, {1: written[1]})

    run(JOB, RUN_DATE)

    assert_same_documents(documents_behind_alias(elasticsearch), written)


def documents_of_person_7(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, **rows: list[Row]
) -> list[Document]:
    tables: dict[str, list[Row]] = {
        "person": [{"id": PERSON}],
        "contact_details": [{"id": PERSON, "surname": "Smith", "forenames": "Anna"}],
    }
    load(tcs, tables | rows)
    run(JOB, RUN_DATE)
    found = documents_behind_alias(elasticsearch)
    assert_same_documents(found, person_documents(read_tables(tcs), RUN_DATE))
    return found.get(PERSON, [])


def placement(number: int, start: date | None = RUN_DATE, end: date | None = RUN_DATE, **fields: object) -> Row:
    return {"id": number, "trainee_id": PERSON, "date_from": start, "date_to": end, "site_code": "S"} | fields


def primary(placement_id: int, specialty_id: int | None) -> Row:
    return {"placement_id": placement_id, "specialty_id": specialty_id, "placement_specialty_type": "PRIMARY"}


def test_every_awkward_text_arrives_unchanged_in_every_field(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    texts = dict(enumerate(AWKWARD_TEXTS, start=1))
    load(
        tcs,
        {
            "person": [
                {"id": n, "intrepid_id": text, "status": text, "role": text, "public_health_number": text}
                for n, text in texts.items()
            ],
            "contact_details": [{"id": n, "surname": text, "forenames": text} for n, text in texts.items()],
            "gmc_details": [{"id": n, "gmc_number": text} for n, text in texts.items()],
            "gdc_details": [{"id": n, "gdc_number": text} for n, text in texts.items()],
            "specialty": [{"id": n, "name": text} for n, text in texts.items()],
            "placement": [
                placement(n, trainee_id=n, grade_abbreviation=text, site_code=text, placement_type=text)
                for n, text in texts.items()
            ],
            "placement_specialty": [primary(n, n) for n in texts],
            "programme": [{"id": n, "programme_name": text, "programme_number": text} for n, text in texts.items()],
            "programme_membership": [{"uuid": UUID(int=n), "person_id": n, "programme_id": n} for n in texts],
            "curriculum_membership": [{"id": n, "programme_membership_uuid": UUID(int=n)} for n in texts],
            "person_owner": [{"id": n, "owner": text, "rule": text} for n, text in texts.items()],
        },
    )
    run(JOB, RUN_DATE)
    found = documents_behind_alias(elasticsearch)
    assert_same_documents(found, person_documents(read_tables(tcs), RUN_DATE))
    assert {n: documents[0]["surname"] for n, documents in found.items()} == texts
    assert {n: documents[0]["programmeMemberships"][0]["programmeName"] for n, documents in found.items()} == texts


def test_ids_over_two_to_the_53_below_zero_and_zero_stay_exact(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    load(
        tcs,
        {
            "person": [{"id": n} for n in AWKWARD_IDS],
            "contact_details": [{"id": n} for n in AWKWARD_IDS],
            "placement": [
                {"id": n, "trainee_id": n, "date_from": RUN_DATE, "date_to": RUN_DATE, "grade_id": n, "site_id": n}
                for n in AWKWARD_IDS
            ],
            "programme_membership": [
                {"uuid": UUID(int=key), "person_id": n, "programme_id": n} for key, n in enumerate(AWKWARD_IDS)
            ],
            "curriculum_membership": [
                {"id": n, "programme_membership_uuid": UUID(int=key)} for key, n in enumerate(AWKWARD_IDS)
            ],
            "person_trust": [{"person_id": n, "trust_id": n, "body": "EMPLOYING"} for n in AWKWARD_IDS],
        },
    )
    run(JOB, RUN_DATE)
    found = documents_behind_alias(elasticsearch)
    assert_same_documents(found, person_documents(read_tables(tcs), RUN_DATE))
    assert {n: (d["gradeId"], d["trusts"], d["programmeMemberships"][0]["id"]) for n, [d] in found.items()} == {
        n: (n, [{"personId": n, "trustId": n}], n) for n in AWKWARD_IDS
    }


def test_a_person_without_contact_details_has_no_document(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    assert documents_of_person_7(tcs, run, elasticsearch, contact_details=[{"id": 8, "surname": "Nobody"}]) == []
    assert documents_behind_alias(elasticsearch) == {}


def test_a_missing_part_of_the_full_name_takes_its_space_with_it(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    names: dict[tuple[str | None, str | None], str | None] = {
        ("Anna", "Smith"): "Anna Smith",
        (None, "Smith"): "Smith",
        ("Anna", None): "Anna",
        (None, None): None,
        ("", "Smith"): " Smith",
        ("Anna", ""): "Anna ",
    }
    contacts = [
        {"id": n, "forenames": forenames, "surname": surname} for n, (forenames, surname) in enumerate(names, start=1)
    ]
    load(tcs, {"person": [{"id": contact["id"]} for contact in contacts], "contact_details": contacts})
    run(JOB, RUN_DATE)
    found = [document for documents in documents_behind_alias(elasticsearch).values() for document in documents]
    assert {(document["forenames"], document["surname"]): document["fullName"] for document in found} == names


def test_two_current_placements_that_look_alike_are_one_document(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    placements = [placement(1, on(-5), on(0), post_id=1), placement(2, on(0), on(5), post_id=2)]
    assert len(documents_of_person_7(tcs, run, elasticsearch, placement=placements)) == 1


def test_two_current_placements_that_differ_are_two_documents(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    placements = [placement(1, site_code=""), placement(2, site_code=None)]
    found = documents_of_person_7(tcs, run, elasticsearch, placement=placements)
    assert {document["siteCode"] for document in found} == {"", None}


def test_only_placements_current_on_the_run_date_are_shown(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    placements = [
        placement(1, on(-2), on(-1), site_code="past"),
        placement(2, on(1), on(2), site_code="future"),
        placement(3, on(1), on(-1), site_code="swapped"),
        placement(4, None, on(1), site_code="no start"),
        placement(5, on(-1), None, site_code="no end"),
        placement(6, on(0), on(0), site_code="today"),
    ]
    found = documents_of_person_7(tcs, run, elasticsearch, placement=placements)
    assert [document["siteCode"] for document in found] == ["today"]


def test_two_primary_specialties_of_one_name_are_one_document_and_of_two_names_two(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    found = documents_of_person_7(
        tcs,
        run,
        elasticsearch,
        placement=[placement(1)],
        specialty=[{"id": 1, "name": "Cardiology"}, {"id": 2, "name": "Cardiology"}, {"id": 3, "name": "Surgery"}],
        placement_specialty=[primary(1, 1), primary(1, 2), primary(1, 3), primary(1, 3)],
    )
    assert sorted(document["specialty"] for document in found) == ["Cardiology", "Surgery"]


def test_a_primary_specialty_that_does_not_exist_is_a_row_without_a_name(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    found = documents_of_person_7(
        tcs,
        run,
        elasticsearch,
        placement=[placement(1)],
        specialty=[{"id": 1, "name": "Cardiology"}],
        placement_specialty=[primary(1, 1), primary(1, 99), primary(1, None)],
    )
    assert {document["specialty"] for document in found} == {"Cardiology", None}
    assert len(found) == 2


def test_a_trust_of_both_bodies_is_listed_once(tcs: Connection, run: RunJob, elasticsearch: Elasticsearch) -> None:
    rows = [{"person_id": PERSON, "trust_id": 3, "body": body} for body in ("EMPLOYING", "TRAINING")]
    [document] = documents_of_person_7(tcs, run, elasticsearch, person_trust=rows)
    assert document["trusts"] == [{"personId": PERSON, "trustId": 3}]


def test_a_membership_of_any_date_is_listed_with_its_status_even_without_its_programme(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    statuses: dict[tuple[date | None, date | None], str] = {
        (on(0), on(0)): "CURRENT",
        (on(-9), on(9)): "CURRENT",
        (on(1), on(2)): "FUTURE",
        (on(-2), on(-1)): "PAST",
        (on(1), on(-1)): "FUTURE",
        (None, on(1)): "PAST",
        (on(1), None): "PAST",
        (None, None): "PAST",
    }
    memberships = [
        {
            "uuid": UUID(int=n),
            "person_id": PERSON,
            "programme_id": 99,
            "programme_start_date": start,
            "programme_end_date": end,
        }
        for n, (start, end) in enumerate(statuses)
    ]
    curricula = [{"id": n, "programme_membership_uuid": UUID(int=n)} for n in range(len(statuses))]
    [document] = documents_of_person_7(
        tcs, run, elasticsearch, programme_membership=memberships, curriculum_membership=curricula
    )
    assert document["programmeMemberships"] == [
        {
            "id": n,
            "personId": PERSON,
            "programmeId": 99,
            "programmeName": None,
            "programmeNumber": None,
            "programmeMembershipStatus": status,
        }
        for n, status in enumerate(statuses.values())
    ]


def test_a_membership_without_a_curriculum_is_not_listed(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    membership = {"uuid": UUID(int=1), "person_id": PERSON, "programme_id": 1}
    curriculum = {"id": 5, "programme_membership_uuid": UUID(int=2)}
    [document] = documents_of_person_7(
        tcs, run, elasticsearch, programme_membership=[membership], curriculum_membership=[curriculum]
    )
    assert document["programmeMemberships"] == []


def test_the_alias_keeps_exactly_one_index_over_many_builds(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    load(tcs, {"person": [{"id": 1}], "contact_details": [{"id": 1}]})
    seen = set()
    for _ in range(4):
        run(JOB, RUN_DATE)
        [index] = indices_behind_alias(elasticsearch)
        assert index.startswith(f"{ALIAS}-")
        seen.add(index)
    assert len(seen) == 4
    assert len(all_indices(elasticsearch)) == 3  # the live one and two for a rollback
