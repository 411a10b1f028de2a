"""Replaces the documents of a few keys, while the application writes documents, too.

Existing documents are found by their key, so those that the application wrote under other ids are found as well. A
document that already agrees with PostgreSQL stays, no matter who wrote it.
"""

import json
import time
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from elasticsearch import Elasticsearch, helpers

from sync_jobs.batches import batches
from sync_jobs.postgres.statements import Connection
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.search import bulk
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.document_stream import document_lines
from sync_jobs.search.documents import Properties, content_key, document_id, key_of, source_of
from sync_jobs.search.settings import IndexSettings

PAGE_DOCUMENTS = 10_000

# How many times keys are checked again while another writer keeps writing them.
SETTLE_PASSES = 30


@dataclass
class Refreshed:
    """keys: those whose documents did not agree with PostgreSQL. made, removed: numbers of documents.

    replaced: how many of the removed documents had a new one made for the same key.
    """

    keys: "array[int]" = field(default_factory=lambda: array("q"))
    made: int = 0
    removed: int = 0
    replaced: int = 0


@dataclass(frozen=True)
class DocumentRefresh:
    """Brings the documents of some keys in one index to what PostgreSQL holds.

    index: the name of the index itself, not its alias; the caller holds the alias's lock.
    run_date: D of docs/domain.md.
    """

    definition: IndexDefinition
    client: Elasticsearch
    index: str
    run_date: date
    settings: IndexSettings

    def once(self, connection: Connection, keys: Iterable[int], *, dry_run: bool = False) -> Refreshed:
        """Replace the documents of these keys that differ from what the caller's transaction sees.

        If a key should have no document any more, its documents are removed. Raises the errors of bulk.load.
        """
        refreshed = Refreshed()
        self.client.indices.refresh(index=self.index)  # to find what was written a moment ago
        for batch in batches(keys, self.settings.refresh_persons):
            operations = self._operations(connection, batch, refreshed)
            if operations and not dry_run:
                bulk.load(self.definition, self.client, self.index, operations, self.settings)
        if refreshed.keys and not dry_run:
            self.client.indices.refresh(index=self.index)
        return refreshed

    def until_settled(self, connection: Connection, keys: Iterable[int]) -> int:
        """Refresh keys in the live index, then check the written ones again until nothing is left to do.

        The application may write the same key at the same moment: each writer may remove what the other is about to
        replace, or write what the other has just made. So after settle_seconds the written keys are compared with
        PostgreSQL again. connection: outside of any transaction; each pass uses one of its own. Returns how many
        documents were made.
        """
        made = 0
        for _ in range(SETTLE_PASSES):
            with snapshot(connection):
                refreshed = self.once(connection, keys)
            made += refreshed.made
            if not refreshed.keys:
                break
            keys = refreshed.keys
            self.settle()
        return made

    def settle(self) -> None:
        """Wait for as long as the application may take from its commit to the end of its writes to the index."""
        time.sleep(self.settings.settle_seconds)

    def _operations(self, connection: Connection, batch: list[int], refreshed: Refreshed) -> list[bytes]:
        """The bulk lines that some keys need, in the order of the keys; counted in refreshed."""
        lines = document_lines(self.definition, connection, self.run_date, batch)
        wanted = _by_key((key_of(document_id(line)), line) for line in lines)
        hits = find_documents(self.definition, self.client, self.index, batch, fields=True)
        existing = _by_key((key, hit) for hit in hits for key in keys_of(self.definition, hit))
        properties = self.definition.properties
        operations: list[bytes] = []
        for key in batch:
            missing, surplus = _difference(wanted.get(key, []), existing.get(key, []), properties)
            if missing or surplus:
                refreshed.keys.append(key)
            refreshed.made += len(missing)
            refreshed.removed += len(surplus)
            refreshed.replaced += min(len(missing), len(surplus))
            operations += missing + [json.dumps({"delete": {"_id": old}}).encode() + b"\n" for old in surplus]
        return operations


def find_documents(
    definition: IndexDefinition,
    client: Elasticsearch,
    index: str,
    keys: Sequence[int],
    fields: Sequence[str] | bool = False,
) -> Iterable[dict[str, Any]]:
    """The hits for these keys: _id, keys_of() and, in _source, the requested fields (True: all)."""
    query = {
        "query": {"terms": {definition.key_field: list(keys)}},
        "_source": fields if isinstance(fields, bool) else list(fields),
        "docvalue_fields": [definition.key_field],
    }
    return helpers.scan(client, query=query, index=index, size=PAGE_DOCUMENTS)


def keys_of(definition: IndexDefinition, hit: dict[str, Any]) -> list[int]:
    """The keys of a hit, as Elasticsearch reads them: the application may write a text or a list."""
    keys: list[int] = hit["fields"][definition.key_field]
    return keys


def _by_key(items: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for key, item in items:
        found[key].append(item)
    return found


def _difference(
    lines: list[bytes], hits: list[dict[str, Any]], properties: Properties
) -> tuple[list[bytes], list[str]]:
    """The lines for which there is no document with the same content, and the ids of the documents to remove.

    Of several documents with the same content, the one with the id that PostgreSQL gives stays.
    """
    wanted = {content_key(source_of(line), properties): line for line in lines}
    own_ids = {document_id(line) for line in lines}
    surplus = []
    for hit in sorted(hits, key=lambda hit: hit["_id"] not in own_ids):
        if wanted.pop(content_key(hit["_source"], properties), None) is None:
            surplus.append(hit["_id"])
    missing = list(wanted.values())
    rewritten = {document_id(line) for line in missing}
    return missing, [old for old in surplus if old not in rewritten]
