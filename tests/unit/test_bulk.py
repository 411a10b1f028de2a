"""How lines become request bodies, and how bodies are split into operations again."""

import json

import pytest

from sync_jobs.errors import NotWritten, RejectedDocument, SyncJobError
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.search import bulk


def line(number: int, filler: str = "") -> bytes:
    return f'{{"index":{{"_id":"{number}-0"}}}}\n{json.dumps({"personId": number, "surname": filler})}\n'.encode()


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
def test_bodies_contain_every_line_once_and_in_order(count: int) -> None:
    lines = [line(number, "x" * number) for number in range(count)]
    bodies = list(bulk.request_bodies(lines, 400))
    assert [each for body in bodies for each in body] == lines


def test_a_body_never_exceeds_the_limit() -> None:
    lines = [line(number) for number in range(50)]
    limit = 3 * max(map(len, lines))
    sizes = [sum(map(len, body)) for body in bulk.request_bodies(lines, limit)]
    assert max(sizes) <= limit
    assert min(sizes[:-1]) > limit - max(map(len, lines))


def test_a_line_over_the_limit_is_sent_alone() -> None:
    bodies = list(bulk.request_bodies([line(1), line(2, "x" * 500), line(3)], 200))
    assert [len(body) for body in bodies] == [1, 1, 1]


def test_a_body_is_split_into_its_operations_with_any_characters_in_names() -> None:
    operations = [line(1, "\r\n\u2028\x85\\n"), b'{"delete":{"_id":"7"}}\n', line(2, "Nguyễn \U0001f600")]
    assert bulk.split_operations(b"".join(operations)) == operations


def test_an_answer_without_errors_is_not_read_further() -> None:
    answers = bulk.ShortAnswers()
    assert answers.loads(b'{"errors":false,"items":[{"index":{"status":201}}]}') == {"errors": False}
    whole = {
        "errors": True,
        "items": [{"index": {"status": 429, "error": {"type": "es_rejected_execution_exception"}}}],
    }
    assert answers.loads(json.dumps(whole, separators=(",", ":")).encode()) == whole


def test_an_answer_is_read_in_full_if_a_document_was_discarded() -> None:
    whole = {"errors": False, "items": [{"index": {"result": "noop", "status": 200}}]}
    assert bulk.ShortAnswers().loads(json.dumps(whole, separators=(",", ":")).encode()) == whole


def test_a_document_that_was_accepted_but_discarded_stops_the_run() -> None:
    bulk.refuse_discarded("persons-1", [{"index": {"result": "created"}}, {"delete": {"result": "not_found"}}])
    with pytest.raises(NotWritten, match=r"^persons-1: Elasticsearch accepted 2 documents of a request, but discarded"):
        bulk.refuse_discarded("persons-1", [{"index": {"result": "noop"}}] * 2)


def item(status: int, **error: object) -> list[dict[str, dict[str, object]]]:
    return [{"index": {"status": status, "error": error}}]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 507])
@pytest.mark.parametrize("kind", ["node_closed_exception", "document_parsing_exception"])
def test_an_operation_that_failed_on_the_server_is_sent_again(status: int, kind: str) -> None:
    assert bulk.failed_operations(PERSONS, line(1), item(status, type=kind, reason="closed")) == (line(1), [])


@pytest.mark.parametrize(
    "error",
    [
        {"type": "document_parsing_exception", "reason": "[1:2] failed to parse field [personId] of type [long]"},
        {"type": "strict_dynamic_mapping_exception", "reason": "dynamic introduction of [x] is not allowed"},
        {"type": "illegal_argument_exception", "reason": 'Document contains at least one immense term in field="role"'},
        {"type": "a", "reason": "b", "caused_by": {"type": "max_bytes_length_exceeded_exception", "reason": "c"}},
        {"type": "illegal_argument_exception", "reason": "The number of nested documents has exceeded [10000]"},
    ],
)
def test_an_error_in_the_content_is_blamed_on_the_document(error: dict[str, object]) -> None:
    again, (refusal,) = bulk.failed_operations(PERSONS, line(1), item(400, **error))
    assert (again, refusal.key, refusal.document_id) == (b"", 1, "1-0")


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (
            400,
            {"type": "illegal_argument_exception", "reason": "pipeline with id [x] does not exist"},
            "400 illegal_argument_exception: pipeline with id [x] does not exist",
        ),
        (400, {"type": "illegal_argument_exception", "reason": "Smith"}, "400 illegal_argument_exception"),
        (
            409,
            {"type": "version_conflict_engine_exception", "reason": "Smith"},
            "409 version_conflict_engine_exception",
        ),
    ],
)
def test_other_errors_are_not_blamed_on_a_document(status: int, error: dict[str, object], words: str) -> None:
    with pytest.raises(SyncJobError) as caught:
        bulk.failed_operations(PERSONS, line(1), item(status, **error))
    assert not isinstance(caught.value, RejectedDocument)
    assert str(caught.value) == f"Elasticsearch refused a request: {words}"


ALONE = "Request contains an operation of size [60000150] bytes, which exceeds the maximum allowed limit of [50] bytes"
TOGETHER = (
    "rejected execution of coordinating operation [coordinating_and_primary_bytes=0, replica_bytes=0, all_bytes=0, "
    "coordinating_operation_bytes={}, max_coordinating_bytes=52428800]"
)


@pytest.mark.parametrize(
    ("reason", "never"),
    [(ALONE, True), (TOGETHER.format(52_428_801), True), (TOGETHER.format(52_428_800), False), ("closed", False)],
)
def test_what_is_by_itself_over_a_limit_of_a_node_never_fits(reason: str, never: bool) -> None:
    assert bulk.never_fits(reason) is never
