"""What the record of a refused document contains: a field of the mapping and a kind of reason, and no content."""

from typing import Any

import pytest

from sync_jobs.errors import RejectedDocument
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.search import refusals
from sync_jobs.search.quarantine import Quarantine
from sync_jobs.search.refusals import Refusal

LINE = (
    b'{"index":{"_id":"7-abc"}}\n{"personId":7,"surname":"secret","trusts":[{"trustId":1}],"programmeMemberships":[]}\n'
)
NESTED_LIMIT = (
    "The number of nested documents has exceeded the allowed limit of [10000]. This limit can be set by changing the "
    "[index.mapping.nested_objects.limit] index level setting."
)


def error(reason: str, cause: str | None = None, kind: str = "document_parsing_exception") -> dict[str, Any]:
    caused_by = {"caused_by": {"type": "illegal_argument_exception", "reason": cause}} if cause else {}
    return {"type": kind, "reason": reason} | caused_by


@pytest.mark.parametrize(
    ("refusal", "field", "reason"),
    [
        (
            error(
                'Document contains at least one immense term in field="surname" (whose UTF8 encoding is longer than',
                kind="illegal_argument_exception",
            ),
            "surname",
            refusals.TOO_LONG,
        ),
        (
            error(
                "[1:25] failed to parse field [fullName.keyword] of type [keyword] in document with id '7-abc'. "
                "Preview of field's value: 'secret'",
                "bytes can be at most 32766 in length; got 40000",
            ),
            "fullName.keyword",
            refusals.TOO_LONG,
        ),
        (error(f"[1:118929] {NESTED_LIMIT}"), "trusts", NESTED_LIMIT),
        (
            error("failed to parse field [secret.field] of type [long]", "For input string: 'field [gmcNumber]'"),
            "gmcNumber",
            "document_parsing_exception, illegal_argument_exception",
        ),
        (error("secret"), "unknown", "document_parsing_exception"),
    ],
)
def test_a_refusal_names_field_and_kind_of_reason_without_content(
    refusal: dict[str, Any], field: str, reason: str
) -> None:
    assert refusals.refused(PERSONS, LINE, refusal) == Refusal(7, "7-abc", field, reason)


def test_a_refusal_of_a_too_large_document_names_its_largest_field() -> None:
    assert refusals.too_large(PERSONS, LINE).field == "trusts"


def test_the_limit_counts_persons_and_not_documents() -> None:
    quarantine = Quarantine(PERSONS, 1)
    quarantine.add([Refusal(7, "7-a", "surname", "x"), Refusal(7, "7-b", "forenames", "x")])
    with pytest.raises(
        RejectedDocument, match=r"field surname of persons 7, 8 \(x\); field forenames of person 7 \(x\)"
    ):
        quarantine.add([Refusal(8, "8-a", "surname", "x")])


def test_earlier_refusals_stay_recorded_until_the_person_is_written() -> None:
    quarantine = Quarantine(PERSONS, 10)
    quarantine.add([Refusal(8, "8-a", "surname", "x")])
    quarantine.accept([9])
    earlier = [{"key": key, "field": "f", "reason": "y", "old_document": True} for key in (7, 8, 9)]
    assert [(each["key"], each["field"]) for each in quarantine.merged(earlier)] == [(7, "f"), (8, "surname")]
