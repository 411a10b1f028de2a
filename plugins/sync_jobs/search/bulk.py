"""Sends finished bulk lines to one index with a few concurrent requests, and handles the responses.

    lines (bytes)  =>  bodies of about 5 MB  =>  a few senders  =>  _bulk

A line here is one finished operation: its action and, except for a delete, its document, each ended by a newline.
No document becomes a Python object. Every operation has its own _id, so sending it twice does no harm.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from elastic_transport import ConnectionError as ElasticsearchUnreachable
from elastic_transport import ConnectionTimeout, JsonSerializer, NdjsonSerializer, SerializationError
from elasticsearch import ApiError, Elasticsearch

from sync_jobs.errors import NotWritten, TransientError
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.errors import (
    blames_a_document,
    can_pass,
    is_not_trusted,
    raise_unless_transient,
    refusal,
    status_and_type,
)
from sync_jobs.search.quarantine import Quarantine
from sync_jobs.search.refusals import Refusal, refused, too_large
from sync_jobs.search.settings import IndexSettings

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0

TOO_LARGE = 413
# The only parts of a response that are needed. A full response is a fifth of the size of the request.
ANSWER = "errors,items.*.status,items.*.result,items.*.error"
# How the response begins if every operation has succeeded.
NO_ERRORS = b'{"errors":false'
# The result of a document that an ingest pipeline has discarded. Elasticsearch answers 200 for it.
DISCARDED = "noop"

# What a node says about one document that is too large for it, and about a whole request.
_OVER_THE_LIMIT = re.compile(
    r"an operation of size \[\d+\] bytes, which exceeds the maximum allowed limit"
    r"|operation_bytes=(?P<size>\d+), max_\w+_bytes=(?P<limit>\d+)"
)

# How a delete operation begins.
DELETE = b'{"delete"'

_random = random.SystemRandom()


def load(
    definition: IndexDefinition,
    client: Elasticsearch,
    index: str,
    lines: Iterable[bytes],
    settings: IndexSettings,
    *,
    on_body: Callable[[list[bytes]], None] = lambda _: None,
    on_refused: Callable[[list[Refusal]], None] | None = None,
) -> int:
    """Send all lines. Return their number once every one of them is in the index or was refused.

    on_body: called with the lines of each body once a sender has it.
    on_refused: called by the senders, in their threads, with the documents that Elasticsearch refuses because of their
    content. If it raises an error, the load stops. Without it, the first refusal raises RejectedDocument.
    Raises SearchBlocked, NotWritten, TransientError.
    """
    on_refused = on_refused or Quarantine(definition, 0).add
    _spare_objects(client)
    sent = 0
    pending: set[Future[None]] = set()
    sender = Sender(definition, client, index, settings.bulk_attempts, on_refused)
    with ThreadPoolExecutor(settings.senders, thread_name_prefix="bulk") as senders:
        try:
            for batch in request_bodies(lines, settings.body_bytes):
                if len(pending) >= settings.senders:
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    _raise_first_error(done)
                pending.add(senders.submit(sender.send, b"".join(batch)))
                sent += len(batch)
                on_body(batch)
                del batch  # otherwise its lines stay in memory while the next body is filled
            _raise_first_error(wait(pending).done)
        except BaseException:
            sender.stopped.set()
            senders.shutdown(cancel_futures=True)
            raise
    return sent


class _FinishedLines(NdjsonSerializer):
    """Passes finished bytes on unchanged. The client's own serializer would copy them twice, 10 MB for each sender."""

    def dumps(self, data: Any) -> bytes:
        return data if isinstance(data, bytes) else super().dumps(data)


class ShortAnswers(JsonSerializer):
    """Does not parse responses in which every document was written: that would make two objects for each document."""

    def json_loads(self, data: bytes) -> Any:
        is_short = data.startswith(NO_ERRORS) and b'"%s"' % DISCARDED.encode() not in data
        return {"errors": False} if is_short else super().json_loads(data)


def _spare_objects(client: Elasticsearch) -> None:
    serializers = client.transport.serializers.serializers
    for media_type, serializer in serializers.items():
        if isinstance(serializer, NdjsonSerializer):
            serializers[media_type] = _FinishedLines()
        elif isinstance(serializer, JsonSerializer):
            serializers[media_type] = ShortAnswers()


def request_bodies(lines: Iterable[bytes], limit: int) -> Iterator[list[bytes]]:
    """The lines of each request, as many as fit into the limit, in bytes; a longer line is a request of its own."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and size + len(line) > limit:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


def _raise_first_error(done: Iterable[Future[None]]) -> None:
    for future in done:
        future.result()


@dataclass
class Sender:
    """Sends bodies to one index, from several threads. stopped: set to make all of them give up."""

    definition: IndexDefinition
    client: Elasticsearch
    index: str
    attempts: int
    on_refused: Callable[[list[Refusal]], None]
    stopped: Event = field(default_factory=Event)

    def send(self, body: bytes) -> None:
        """Send one body until every operation in it has succeeded or was refused, or until stopped is set.

        Only operations that were refused for a reason that can pass are sent again, after a wait and in the same order.
        Raises SearchBlocked, NotWritten, TransientError, SyncJobError, and the errors of on_refused.
        """
        for attempt in range(self.attempts):
            try:
                answer = self._bulk(body)
            except ApiError as error:
                if error.status_code == TOO_LARGE or never_fits(str(error.body)):
                    return self._send_halves(body)
                raise_unless_transient(error, carries_documents=True)
                why = status_and_type(error)
            except (ElasticsearchUnreachable, ConnectionTimeout, SerializationError) as error:
                if is_not_trusted(error):
                    raise
                why = type(error).__name__
            else:
                refuse_discarded(self.index, answer.get("items", ()))
                if any(map(never_fits, _reasons(answer.get("items", ())))):
                    return self._send_halves(body)
                body, refusals = (
                    failed_operations(self.definition, body, answer["items"]) if answer["errors"] else (b"", [])
                )
                if refusals:
                    self.on_refused(refusals)
                if not body:
                    return None
                why = _first_that_can_pass(answer["items"])
            if attempt + 1 == self.attempts or _wait(attempt, self.stopped):
                break
        raise TransientError(
            f"Elasticsearch did not accept a bulk request for {self.index} in {attempt + 1} attempts, the last time "
            f"because of {why}"
        )

    def _bulk(self, body: bytes) -> Any:
        # The client's type is a Sequence of operations; finished bytes pass through _FinishedLines unchanged.
        once = self.client.options(max_retries=0)
        return once.bulk(index=self.index, operations=body, filter_path=ANSWER)  # type: ignore[arg-type]

    def _send_halves(self, body: bytes) -> None:
        operations = split_operations(body)
        if len(operations) == 1:
            return self.on_refused([too_large(self.definition, operations[0])])
        middle = len(operations) // 2
        for half in (operations[:middle], operations[middle:]):
            self.send(b"".join(half))
        return None


def split_operations(body: bytes) -> list[bytes]:
    """The operations of a body: each is an action line and, except for a delete, a document line."""
    operations: list[bytes] = []
    lines = iter(body.splitlines(keepends=True))  # JSON escapes every other line break
    for action in lines:
        operations.append(action if action.startswith(DELETE) else action + next(lines))
    return operations


def refuse_discarded(index: str, items: Iterable[dict[str, dict[str, Any]]]) -> None:
    """Raise NotWritten if Elasticsearch accepted documents without writing them."""
    discarded = sum(result.get("result") == DISCARDED for item in items for result in item.values())
    if discarded:
        raise NotWritten(
            f"{index}: Elasticsearch accepted {discarded} documents of a request, but discarded them. An ingest "
            f"pipeline drops documents: find it in index.default_pipeline or index.final_pipeline (GET "
            f"/{index}/_settings), correct or remove it, then run the job again."
        )


def failed_operations(
    definition: IndexDefinition, body: bytes, items: list[dict[str, dict[str, Any]]]
) -> tuple[bytes, list[Refusal]]:
    """The operations to send again, in order, and the documents that would be refused again because of their content.

    Raises the error of any other operation that would be refused again.
    """
    again: list[bytes] = []
    refusals: list[Refusal] = []
    for operation, item in zip(split_operations(body), items, strict=True):
        (result,) = item.values()
        error = result.get("error")
        if error is None:
            continue
        if can_pass(result["status"], error["type"]):
            again.append(operation)
        elif blames_a_document(error):
            refusals.append(refused(definition, operation, error))
        else:
            raise refusal(result["status"], error)
    return b"".join(again), refusals


def never_fits(rejection: str) -> bool:
    """Whether a node rejects what is by itself over a limit of its memory. It says so as if it were overloaded.

    rejection: the text of the error. The limits are those of indexing_pressure.memory, tenths of the node's memory.
    """
    match = _OVER_THE_LIMIT.search(rejection)
    return match is not None and (match["size"] is None or int(match["size"]) > int(match["limit"]))


def _reasons(items: Iterable[dict[str, dict[str, Any]]]) -> Iterator[str]:
    """Why operations were refused."""
    return (result["error"].get("reason") or "" for item in items for result in item.values() if "error" in result)


def _first_that_can_pass(items: list[dict[str, dict[str, Any]]]) -> str:
    """Status and type of the first error of an operation that is sent again."""
    results = (result for item in items for result in item.values() if "error" in result)
    return next(
        f"{each['status']} {each['error']['type']}"
        for each in results
        if can_pass(each["status"], each["error"]["type"])
    )


def _wait(attempt: int, stopped: Event) -> bool:
    """Wait, longer after each attempt, with jitter so that several senders do not retry at the same moment.

    Returns early, and True, if stopped is set.
    """
    longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**attempt)
    return stopped.wait(_random.uniform(longest / 2, longest))
