"""What the TIS application asks of the index, and how it writes to it.

See docs/domain.md, "What the application asks of the index" and "Writes of the application".
One question a test, against the real index that PersonElasticSearchSyncJob built from a few readable persons.
"""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from elasticsearch import Elasticsearch

from tests.awkward_data import Connection, load
from tests.comparison import ALIAS, MAPPING, RunJob, edit_as_the_application_does, indices_behind_alias
from tests.naive_model import Tables

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2024, 2, 29)
CARDIOLOGY_NORTH, CARDIOLOGY_SOUTH, SURGERY = 10, 11, 12

Query = dict[str, Any]
Find = Callable[..., list[int]]


def people() -> Tables:
    """Five persons: Anna (1) and Wei (3) in cardiology now, John (2) formerly; Mary (4) in surgery; Zoë (5) nowhere."""
    in_training, supervisor = "DR in Training", "Educational Supervisor"
    started, ended, ends = date(2020, 1, 1), date(2023, 1, 1), date(2030, 1, 1)
    return {
        "person": [
            {"id": 1, "status": "CURRENT", "role": in_training, "public_health_number": "PH1"},
            {"id": 2, "status": "INACTIVE", "role": in_training},
            {"id": 3, "status": "CURRENT", "role": f"{in_training},{supervisor}"},
            {"id": 4, "status": "CURRENT", "role": supervisor},
            {"id": 5, "status": "INACTIVE", "role": supervisor, "public_health_number": "PH5"},
        ],
        "contact_details": [
            {"id": 1, "forenames": "Anna Maria", "surname": "Smith"},
            {"id": 2, "forenames": "John", "surname": "Goldsmith"},
            {"id": 3, "forenames": "Wei", "surname": "Abbot"},
            {"id": 4, "forenames": "Mary-Ann", "surname": "O'Brien"},
            {"id": 5, "forenames": "Zoë", "surname": "Öberg"},
        ],
        "gmc_details": [{"id": 1, "gmc_number": "7000001"}, {"id": 2, "gmc_number": "7000002"}],
        "gdc_details": [{"id": 3, "gdc_number": "D0003"}],
        "programme": [
            {"id": CARDIOLOGY_NORTH, "programme_name": "Cardiology North", "programme_number": "N1"},
            {"id": CARDIOLOGY_SOUTH, "programme_name": "Cardiology South", "programme_number": "S1"},
            {"id": SURGERY, "programme_name": "Oral Surgery North", "programme_number": "N2"},
        ],
        "programme_membership": [
            {
                "uuid": UUID(int=number),
                "person_id": person_id,
                "programme_id": programme_id,
                "programme_start_date": started,
                "programme_end_date": end,
            }
            for number, (person_id, programme_id, end) in enumerate(
                [
                    (1, CARDIOLOGY_NORTH, ends),
                    (1, SURGERY, ended),
                    (2, CARDIOLOGY_NORTH, ended),
                    (3, CARDIOLOGY_SOUTH, ends),
                    (4, SURGERY, ends),
                ]
            )
        ],
        "curriculum_membership": [{"id": 100 + n, "programme_membership_uuid": UUID(int=n)} for n in range(5)],
        "placement": [{"id": 1, "trainee_id": 1, "date_from": started, "date_to": ends, "site_code": "RTD01"}],
        "placement_specialty": [{"placement_id": 1, "specialty_id": 1, "placement_specialty_type": "PRIMARY"}],
        "specialty": [{"id": 1, "name": "Cardiology"}],
        "person_owner": [
            {"id": 1, "owner": "North East", "rule": "P1"},
            {"id": 2, "owner": "North East", "rule": "P7"},
            {"id": 3, "owner": "London LETBs", "rule": "P1"},
        ],
        "person_trust": [
            {"person_id": 1, "trust_id": 50, "body": "EMPLOYING"},
            {"person_id": 1, "trust_id": 51, "body": "TRAINING"},
            {"person_id": 2, "trust_id": 51, "body": "EMPLOYING"},
            {"person_id": 3, "trust_id": 52, "body": "EMPLOYING"},
        ],
    }


@pytest.fixture
def find(tcs: Connection, run: RunJob, elasticsearch: Elasticsearch) -> Find:
    """find(query, …): the person ids that a search of the alias gives, in the order in which it gives them."""
    load(tcs, people())
    run(JOB, RUN_DATE)

    def search(query: Query | None = None, **options: Any) -> list[int]:
        answer = elasticsearch.search(index=ALIAS, query=query or {"match_all": {}}, **options)
        return [hit["_source"]["personId"] for hit in answer["hits"]["hits"]]

    return search


def nested(path: str, query: Query) -> Query:
    return {"nested": {"path": path, "query": query}}


def free_text(text: str) -> Query:
    """The query of the search box."""
    fields = ("gmcNumber", "gdcNumber", "publicHealthNumber", "role")
    should: list[Query] = [
        {"match": {"fullName": text}},
        {"wildcard": {"surname": f"*{text}*"}},
        {"wildcard": {"forenames": f"*{text}*"}},
        *({"match": {field: text}} for field in fields),
    ]
    if text.isdigit():
        should.append({"term": {"personId": int(text)}})
    return {"bool": {"should": should}}


def test_pages_sorted_by_person_id_hold_everybody_once(find: Find) -> None:
    pages = [find(sort=[{"personId": "asc"}], from_=start, size=2) for start in (0, 2, 4)]
    assert pages == [[1, 2], [3, 4], [5]]
    assert find(sort=[{"personId": "desc"}], size=2) == [5, 4]


def test_pages_sorted_by_surname_hold_everybody_once(find: Find) -> None:
    pages = [find(sort=[{"surname": "asc"}], from_=start, size=2) for start in (0, 2, 4)]
    assert pages == [[3, 2], [4, 1], [5]]


def test_current_members_of_a_programme(find: Find) -> None:
    """Status CURRENT is the person's: the membership itself may be over."""

    def in_programme(programme_id: int) -> Query:
        membership = nested("programmeMemberships", {"term": {"programmeMemberships.programmeId": programme_id}})
        return {"bool": {"must": [{"match": {"status": "CURRENT"}}, membership]}}

    assert find(in_programme(CARDIOLOGY_NORTH)) == [1]
    assert sorted(find(in_programme(SURGERY))) == [1, 4]
    assert find(in_programme(99)) == []


def test_current_memberships_by_the_words_of_the_programmes_name(find: Find) -> None:
    """Both conditions must hold for one membership: a current one and another one of that name are not enough."""

    def in_programme_named(words: str) -> Query:
        name = {"match": {"programmeMemberships.programmeName": {"query": words, "operator": "and"}}}
        status = {"match": {"programmeMemberships.programmeMembershipStatus": "CURRENT"}}
        return nested("programmeMemberships", {"bool": {"must": [name, status]}})

    assert find(in_programme_named("north cardiology")) == [1]
    assert sorted(find(in_programme_named("Cardiology"))) == [1, 3]
    assert find(in_programme_named("Oral Surgery North")) == [4]
    assert find(in_programme_named("cardiology surgery")) == []


def test_the_search_box_finds_people_by_any_of_its_fields(find: Find) -> None:
    expected = {
        "maria": [1],  # a word of the full name
        "Anna Smith": [1],  # two words of it
        "ann": [4],  # a word of a double name
        "smith": [1, 2],  # a surname, and the end of another one
        "nna": [1],  # a part of the forenames
        "O'Brien": [4],
        "Zoë": [5],
        "7000002": [2],  # a GMC number
        "D0003": [3],  # a GDC number
        "PH5": [5],  # a public health number
        "Educational Supervisor": [4, 5],  # a whole role
        "4": [4],  # a person id
        "nobody": [],
    }
    assert {text: sorted(find(free_text(text))) for text in expected} == expected


def test_a_trust_administrator_sees_the_persons_of_any_of_their_trusts(find: Find) -> None:
    def visible_to(*trust_ids: int) -> list[int]:
        return sorted(find(nested("trusts", {"terms": {"trusts.trustId": trust_ids}})))

    assert visible_to(51) == [1, 2]
    assert visible_to(50, 52) == [1, 3]
    assert visible_to(99) == []


def test_persons_of_an_owner(find: Find) -> None:
    assert sorted(find({"match": {"currentOwner": "North East"}})) == [1, 2]
    assert find({"match": {"currentOwner": "North"}}) == []


def test_the_alias_has_exactly_one_index(find: Find, elasticsearch: Elasticsearch) -> None:
    assert len(find()) == 5
    assert len(indices_behind_alias(elasticsearch)) == 1


@pytest.mark.usefixtures("find")
def test_an_edit_of_the_application_is_found_in_place_of_the_old_document(elasticsearch: Elasticsearch) -> None:
    edited = {"personId": 2, "surname": "Silver", "fullName": "John Silver", "trusts": [{"personId": 2, "trustId": 50}]}
    edit_as_the_application_does(elasticsearch, {2: [edited]})
    answer = elasticsearch.search(index=ALIAS, query={"term": {"personId": 2}})
    assert [hit["_source"] for hit in answer["hits"]["hits"]] == [edited]


@pytest.mark.usefixtures("find")
def test_a_field_that_the_mapping_does_not_name_makes_no_write_fail(elasticsearch: Elasticsearch) -> None:
    """For any kind of value: the first one must not determine the type of the field."""
    values: list[Any] = ["2024-02-29", "no date", 5, 1.5, True, {"inner": [1, "a"]}, [], None, "x" * 40_000]
    for value in values:
        unknown = {"nobodyKnows": value}
        document = {
            "personId": 6,
            "trusts": [{"personId": 6, "trustId": 1} | unknown],
            "programmeMemberships": [{"id": 1} | unknown],
        }
        elasticsearch.index(index=ALIAS, document=document | unknown)
    elasticsearch.indices.refresh(index=ALIAS)
    found = elasticsearch.search(index=ALIAS, query={"term": {"personId": 6}}, size=100)["hits"]["hits"]
    assert len(found) == len(values)
    assert all(hit["_source"]["nobodyKnows"] in values for hit in found)


@pytest.mark.usefixtures("find")
def test_the_mapping_is_that_of_the_domain_field_by_field(elasticsearch: Elasticsearch) -> None:
    [index] = elasticsearch.indices.get_mapping(index=ALIAS).values()
    assert as_in_domain(index["mappings"]["properties"]) == MAPPING


def as_in_domain(properties: Query) -> Query:
    """A text without an analyzer has the analyzer standard. Another test covers the dynamic settings."""
    found = {}
    for name, field in properties.items():
        analyzer = field.get("analyzer", "standard")
        kept = {key: value for key, value in field.items() if key not in ("analyzer", "dynamic")}
        if analyzer != "standard":
            kept["analyzer"] = analyzer
        if "properties" in field:
            kept["properties"] = as_in_domain(field["properties"])
        found[name] = kept
    return found
