"""Which keys have documents in an index that differ from those that PostgreSQL would make now. Reads all of both.

Used rarely: by a rollback, by parity, and to name the keys that differ when a build is refused.
"""

from array import array
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from datetime import date
from itertools import groupby
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.postgres.statements import Connection, execute
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.document_stream import document_lines
from sync_jobs.search.documents import document_id, key_of
from sync_jobs.search.reads import refresh, search

PAGE_DOCUMENTS = 10_000
KEEP_ALIVE = "5m"
MAXIMUM_KEYS = 2**63 - 1

Entry = tuple[int, str]  # key, document id


def differing_keys(
    definition: IndexDefinition, connection: Connection, client: Elasticsearch, index: str, run_date: date
) -> "array[int]":
    """The keys that differ, ascending. A document of the application differs: Elasticsearch generated its id.

    Both sides are read in the order of the key and merged, so memory use does not depend on their size.
    """
    refresh(client, index)
    with (
        closing(document_lines(definition, connection, run_date)) as lines,
        closing(_entries(definition, client, index)) as entries,
    ):
        ids = map(document_id, lines)
        wanted = _by_key((key_of(each), each) for each in ids)
        return array("q", _differing(wanted, _by_key(entries)))


def keys_without_source(
    definition: IndexDefinition, connection: Connection, client: Elasticsearch, index: str
) -> "array[int]":
    """The keys in an index for which PostgreSQL has no documents any more, ascending."""
    known = set(_keys_with_source(definition, connection))
    with closing(_entries(definition, client, index)) as entries:
        return array("q", (key for key, _ in _by_key(entries) if key not in known))


def keys_without_documents(
    definition: IndexDefinition, connection: Connection, client: Elasticsearch, index: str
) -> "array[int]":
    """The keys that have documents by PostgreSQL, but none in an index, ascending."""
    with closing(_entries(definition, client, index)) as entries:
        known = {key for key, _ in entries}
    return array("q", sorted(key for key in _keys_with_source(definition, connection) if key not in known))


def _keys_with_source(definition: IndexDefinition, connection: Connection) -> Iterator[int]:
    everybody = {"seed": "", "size": MAXIMUM_KEYS}
    return (key for (key,) in execute(connection, definition.query("sample_keys"), everybody))


def _differing(one: Iterator[tuple[int, set[str]]], other: Iterator[tuple[int, set[str]]]) -> Iterator[int]:
    nothing: tuple[None, set[str]] = (None, set())
    first, second = next(one, nothing), next(other, nothing)
    while first[0] is not None or second[0] is not None:
        if second[0] is None or (first[0] is not None and first[0] < second[0]):
            yield first[0]  # type: ignore[misc]
            first = next(one, nothing)
        elif first[0] is None or second[0] < first[0]:
            yield second[0]
            second = next(other, nothing)
        else:
            if first[1] != second[1]:
                yield first[0]
            first, second = next(one, nothing), next(other, nothing)


def _by_key(entries: Iterable[Entry]) -> Iterator[tuple[int, set[str]]]:
    """(key, the ids of its documents)."""
    for key, group in groupby(entries, key=lambda entry: entry[0]):
        yield key, {each for _, each in group}


def _entries(definition: IndexDefinition, client: Elasticsearch, index: str) -> Generator[Entry, None, None]:
    """(key, _id) of every document of an index, in the order of the key."""
    point_in_time = client.open_point_in_time(index=index, keep_alive=KEEP_ALIVE)["id"]
    after: list[Any] | None = None
    try:
        while True:
            answer = search(
                client,
                pit={"id": point_in_time, "keep_alive": KEEP_ALIVE},
                sort=[definition.key_field, "_shard_doc"],
                size=PAGE_DOCUMENTS,
                source=False,
                track_total_hits=False,
                search_after=after,
            )
            hits = answer["hits"]["hits"]
            yield from ((hit["sort"][0], hit["_id"]) for hit in hits)
            if len(hits) < PAGE_DOCUMENTS:
                return
            after = hits[-1]["sort"]
    finally:
        client.close_point_in_time(id=point_in_time)
