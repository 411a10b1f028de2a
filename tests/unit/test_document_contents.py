"""Unusual documents of the application are read as Elasticsearch reads them, and never make a job fail."""

from typing import Any

import pytest

from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.search import documents

PROPERTIES = PERSONS.properties
TRUST = {"id": 7}
OTHER_TRUST = {"id": 8}


@pytest.mark.parametrize("nothing", [None, [], [None], [[]], [[None], None]])
def test_a_nested_field_without_objects_counts_as_missing(nothing: Any) -> None:
    assert documents.canonical({"personId": 3, "trusts": nothing}, PROPERTIES) == {"personId": 3}


@pytest.mark.parametrize(
    "trusts", [[[TRUST, OTHER_TRUST]], [[OTHER_TRUST], [[TRUST]]], [TRUST, None, [OTHER_TRUST, None]]]
)
def test_a_list_of_lists_equals_the_flat_list_of_its_objects(trusts: Any) -> None:
    assert documents.content_key({"trusts": trusts}, PROPERTIES) == documents.content_key(
        {"trusts": [TRUST, OTHER_TRUST]}, PROPERTIES
    )


def test_a_single_object_equals_a_list_of_one() -> None:
    assert documents.content_key({"trusts": TRUST}, PROPERTIES) == documents.content_key(
        {"trusts": [TRUST]}, PROPERTIES
    )


@pytest.mark.parametrize("trusts", ["RW1", 7, 0, False, ["RW1"], [TRUST, "RW1"], [[TRUST], [7]]])
def test_an_item_that_is_not_an_object_is_a_difference(trusts: Any) -> None:
    assert documents.differing_fields({"trusts": trusts}, {"trusts": [TRUST]}, PROPERTIES) == ["trusts"]
    assert documents.content_key({"trusts": trusts}, PROPERTIES) != documents.content_key({}, PROPERTIES)


def test_an_infinite_number_is_a_difference() -> None:
    assert documents.differing_fields({"personId": float("inf")}, {"personId": 3}, PROPERTIES) == ["personId"]
