"""Makes the documents of a few persons anew (domain.md, job 8), beside an application that writes them too.

Old documents are found by personId, so those that the application wrote under ids of its own are found too. What
is already as PostgreSQL has it is left alone, whoever wrote it.
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
from sync_jobs.search.document_stream import document_lines
from sync_jobs.search.documents import content_key, document_id, person_of, source_of
from sync_jobs.search.settings import IndexSettings

PAGE_DOCUMENTS = 10_000

# How often persons that somebody else keeps writing are looked at again.
SETTLE_PASSES = 30


@dataclass
class Refreshed:
    """persons: ids of those that were not as PostgreSQL has them. made, removed: documents.

    replaced: of the documents removed, those in whose place one was made for the same person.
    """

    persons: "array[int]" = field(default_factory=lambda: array("q"))
    made: int = 0
    removed: int = 0
    replaced: int = 0


@dataclass(frozen=True)
class PersonRefresh:
    """Brings persons' documents in one index to what PostgreSQL holds.

    index: the name of the index itself, not its alias, whose lock the caller has. run_date: D of domain.md.
    """

    client: Elasticsearch
    index: str
    run_date: date
    settings: IndexSettings

    def once(self, connection: Connection, person_ids: Iterable[int], *, dry_run: bool = False) -> Refreshed:
        """Make the documents of these persons anew where they are not as in the transaction of the caller.

        A person that has no document any more loses those that were there. Raises what bulk.load raises.
        """
        refreshed = Refreshed()
        self.client.indices.refresh(index=self.index)  # what was written a moment ago must be found
        for batch in batches(person_ids, self.settings.refresh_persons):
            operations = self._operations(connection, batch, refreshed)
            if operations and not dry_run:
                bulk.load(self.client, self.index, operations, self.settings)
        if refreshed.persons and not dry_run:
            self.client.indices.refresh(index=self.index)
        return refreshed

    def until_settled(self, connection: Connection, person_ids: Iterable[int]) -> int:
        """Refresh persons in the live index, and look again at those written until nothing is left to do.

        The application may write the same person at the same moment: each may remove what the other is about to
        replace, or write what the other has just made. So, after the time that it takes to finish, those that were
        written are held against PostgreSQL again. connection: outside of any transaction, each look is one of its
        own. Returns how many documents were made.
        """
        made = 0
        for _ in range(SETTLE_PASSES):
            with snapshot(connection):
                refreshed = self.once(connection, person_ids)
            made += refreshed.made
            if not refreshed.persons:
                break
            person_ids = refreshed.persons
            time.sleep(self.settings.settle_seconds)
        return made

    def _operations(self, connection: Connection, batch: list[int], refreshed: Refreshed) -> list[bytes]:
        """What it takes for some persons, in their order, as bulk lines; counted in refreshed."""
        lines = document_lines(connection, self.run_date, batch)
        wanted = _by_person((person_of(document_id(line)), line) for line in lines)
        hits = find_documents(self.client, self.index, batch, fields=True)
        existing = _by_person((person, hit) for hit in hits for person in persons_of(hit))
        operations: list[bytes] = []
        for person in batch:
            missing, surplus = _difference(wanted.get(person, []), existing.get(person, []))
            if missing or surplus:
                refreshed.persons.append(person)
            refreshed.made += len(missing)
            refreshed.removed += len(surplus)
            refreshed.replaced += min(len(missing), len(surplus))
            operations += missing + [json.dumps({"delete": {"_id": old}}).encode() + b"\n" for old in surplus]
        return operations


def find_documents(
    client: Elasticsearch, index: str, person_ids: Sequence[int], fields: Sequence[str] | bool = False
) -> Iterable[dict[str, Any]]:
    """The hits of these persons' documents: _id, persons_of() and, in _source, the fields asked for (True: all)."""
    source = fields if isinstance(fields, bool) else list(fields)
    query = {
        "query": {"terms": {"personId": list(person_ids)}},
        "_source": source,
        "docvalue_fields": ["personId"],
    }
    return helpers.scan(client, query=query, index=index, size=PAGE_DOCUMENTS)


def persons_of(hit: dict[str, Any]) -> list[int]:
    """Whose document it is, as Elasticsearch has understood it: the application may write a text or a list."""
    ids: list[int] = hit["fields"]["personId"]
    return ids


def _by_person(items: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for person, item in items:
        found[person].append(item)
    return found


def _difference(lines: list[bytes], hits: list[dict[str, Any]]) -> tuple[list[bytes], list[str]]:
    """The lines that have no document of their content yet, and the ids of documents that are not wanted.

    Of several documents with the same content, the one with the id that PostgreSQL gives is kept.
    """
    wanted = {content_key(source_of(line)): line for line in lines}
    own_ids = {document_id(line) for line in lines}
    surplus = []
    for hit in sorted(hits, key=lambda hit: hit["_id"] not in own_ids):
        if wanted.pop(content_key(hit["_source"]), None) is None:
            surplus.append(hit["_id"])
    missing = list(wanted.values())
    rewritten = {document_id(line) for line in missing}
    return missing, [old for old in surplus if old not in rewritten]
