"""Every search and count of the jobs: an answer is complete, or it is an error.

Elasticsearch answers 200 with what it has found so far if a time limit of the cluster (search.default_search_timeout)
ends a search, or if a shard does not answer. A number from such an answer would pass for the truth.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from sync_jobs.errors import TransientError

# How long Elasticsearch keeps the state that a scan reads, counted from each page.
SCROLL_KEPT = "5m"

# The answer if no shard of an index can be searched.
UNAVAILABLE, NO_SHARD = 503, "search_phase_execution_exception"


def search(client: Elasticsearch, **request: Any) -> dict[str, Any]:
    """The complete answer of a search. request: the arguments of the client. Raises TransientError."""
    index = request.get("index", "an index")
    try:
        answer: dict[str, Any] = client.search(**request).body
    except ApiError as error:
        _refuse_lost(index, error)
        raise
    _refuse_incomplete(index, answer)
    return answer


def count(client: Elasticsearch, index: str, query: Mapping[str, Any] | None = None) -> int:
    """How many documents of an index match a query; without one, all. Raises TransientError.

    A search, because the answer of the count API does not say whether a time limit has ended it.
    """
    matching = {"query": query} if query else {}
    answer = search(client, index=index, size=0, track_total_hits=True, **matching)
    total: int = answer["hits"]["total"]["value"]
    return total


def scan(client: Elasticsearch, index: str, *, size: int, **request: Any) -> Iterator[Any]:
    """All hits of a search of one state of an index, in pages of that size. Raises TransientError.

    request: more arguments of the client. The scan of the client's helpers does not look whether its last page, which
    has no hits, is complete.
    """
    answer = search(client, index=index, size=size, scroll=SCROLL_KEPT, sort="_doc", **request)
    try:
        while answer["hits"]["hits"]:
            yield from answer["hits"]["hits"]
            answer = client.scroll(scroll_id=answer["_scroll_id"], scroll=SCROLL_KEPT).body
            _refuse_incomplete(index, answer)
    finally:
        with suppress(TransportError, ApiError):  # Elasticsearch frees it after that time
            client.options(ignore_status=404).clear_scroll(scroll_id=answer["_scroll_id"])


def refresh(client: Elasticsearch, index: str) -> None:
    """Make everything that was written to an index searchable. Raises TransientError."""
    shards = client.indices.refresh(index=index).body["_shards"]
    if shards["failed"]:
        raise TransientError(f"{index}: Elasticsearch refreshed only some of its shards, {_done(shards)}")


def _refuse_lost(index: str, error: ApiError) -> None:
    """Raise TransientError if no shard of an index can be searched: while a node restarts, or if its data is lost."""
    if error.status_code == UNAVAILABLE and error.error == NO_SHARD:
        raise TransientError(
            f"{index}: Elasticsearch can search none of its shards. If it stays red (GET /_cluster/health/{index}), "
            f"its data is lost: restore it from a snapshot or remove it (DELETE /{index}), then run the job again; "
            "search is empty until a build has finished."
        ) from None


def _refuse_incomplete(index: str, answer: Mapping[str, Any]) -> None:
    if answer["timed_out"]:
        raise TransientError(
            f"{index}: Elasticsearch ended a search at a time limit, with only a part of the documents. Raise or "
            "remove the cluster setting search.default_search_timeout, or relieve the cluster, then run the job again."
        )
    shards = answer["_shards"]
    if shards["successful"] < shards["total"]:  # a shard that no node has is missing, but has not failed
        raise TransientError(f"{index}: Elasticsearch searched only some of its shards, {_done(shards)}")


def _done(shards: Mapping[str, int]) -> str:
    return f"{shards['successful']} of {shards['total']}"
