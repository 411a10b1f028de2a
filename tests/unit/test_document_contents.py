"""Documents as an application may write them: read as Elasticsearch reads them, and never a reason to fail."""

from typing import Any

import pytest

from sync_jobs.search.documents import canonical, content_key, differing_fields

TRUST = {"id": 7}
OTHER_TRUST = {"id": 8}


@pytest.mark.parametrize("nothing", [None, [], [None], [[]], [[None], None]])
def test_a_nested_field_without_any_object_has_no_value(nothing: Any) -> None:
    assert canonical({"personId": 3, "trusts": nothing}) == {"personId": 3}


@pytest.mark.parametrize(
    "trusts", [[[TRUST, OTHER_TRUST]], [[OTHER_TRUST], [[TRUST]]], [TRUST, None, [OTHER_TRUST, None]]]
)
def test_a_list_of_lists_is_the_list_of_their_objects(trusts: Any) -> None:
    assert content_key({"trusts": trusts}) == content_key({"trusts": [TRUST, OTHER_TRUST]})


def test_a_nested_field_may_be_its_only_object() -> None:
    assert content_key({"trusts": TRUST}) == content_key({"trusts": [TRUST]})


@pytest.mark.parametrize("trusts", ["RW1", 7, 0, False, ["RW1"], [TRUST, "RW1"], [[TRUST], [7]]])
def test_an_item_that_is_no_object_makes_a_difference(trusts: Any) -> None:
    assert differing_fields({"trusts": trusts}, {"trusts": [TRUST]}) == ["trusts"]
    assert content_key({"trusts": trusts}) != content_key({})


def test_a_number_without_end_makes_a_difference() -> None:
    assert differing_fields({"personId": float("inf")}, {"personId": 3}) == ["personId"]
