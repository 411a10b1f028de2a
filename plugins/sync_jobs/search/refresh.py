"""Replaces the documents of a few keys, while the application writes documents, too.

Existing documents are found by their key, so those that the application wrote under other ids are found as well. A
document that already agrees with PostgreSQL stays, no matter who wrote it.
"""

import json
import logging
import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.batches import batches
from sync_jobs.postgres.statements import Connection
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.search import bulk, reads
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.document_stream import document_lines
from sync_jobs.search.documents import Properties, content_key, document_id, is_own_id, key_of, source_of, values_of
from sync_jobs.search.quarantine import Quarantine
from sync_jobs.search.refusals import Refusal
from sync_jobs.search.settings import IndexSettings

PAGE_DOCUMENTS = 10_000

# How many times keys are checked again while another writer keeps writing them.
SETTLE_PASSES = 30
# How many of them a warning names if they never agree.
NAMED_KEYS = 10

log = logging.getLogger(__name__)


@dataclass
class Refreshed:
    """keys: those whose documents did not agree with PostgreSQL. made, removed: numbers of documents.

    replaced: how many of the removed documents had a new one made for the same key.
    lost: by field, as in count_values(), how many values fewer the index has then; only of a dry run.
    """

    keys: "array[int]" = field(default_factory=lambda: array("q"))
    made: int = 0
    removed: int = 0
    replaced: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    def count(self, change: "Change") -> None:
        """Add what was written for one key."""
        self.keys.append(change.key)
        self.made += len(change.missing)
        self.removed += len(change.surplus)
        self.replaced += min(len(change.missing), len(change.surplus))

    def foresee(self, change: "Change", properties: Properties) -> None:
        """Add what would be written for one key."""
        self.count(change)
        made = {document_id(line): source_of(line) for line in change.missing}
        for any_id, source in change.existing.items():
            if any_id in made or any_id in change.surplus:
                self.lost.update(values_of(source, properties))
        for source in made.values():
            self.lost.subtract(values_of(source, properties))


@dataclass(frozen=True)
class DocumentRefresh:
    """Makes the documents of some keys in one index agree with PostgreSQL.

    index: the name of the index itself, not its alias; the caller holds the alias's lock.
    run_date: D of docs/domain.md.
    """

    definition: IndexDefinition
    client: Elasticsearch
    index: str
    run_date: date
    settings: IndexSettings
    quarantine: Quarantine

    def once(self, connection: Connection, keys: Iterable[int], *, dry_run: bool = False) -> Refreshed:
        """Replace the documents of these keys that differ from what the caller's transaction sees.

        If a key should have no document any more, its documents are removed. If Elasticsearch refuses a document of a
        key, the key keeps all documents that it had and goes into quarantine. Raises the errors of bulk.load.
        """
        refreshed = Refreshed()
        reads.refresh(self.client, self.index)  # to find what was written a moment ago
        for batch in batches(keys, self.settings.refresh_keys):
            changes = self._changes(connection, batch)
            if dry_run:
                for change in changes:
                    refreshed.foresee(change, self.definition.properties)
                continue
            refused = self._write(changes)
            for change in changes:
                if change.key not in refused:
                    refreshed.count(change)
            self.quarantine.accept(key for key in batch if key not in refused)
        if refreshed.keys and not dry_run:
            reads.refresh(self.client, self.index)
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
        else:
            log.warning(
                "%s: after %d attempts, documents of %d %ss still differ from PostgreSQL, such as %s. Another program "
                "keeps writing them, or an ingest pipeline changes them (index.default_pipeline, index.final_pipeline)",
                self.index,
                SETTLE_PASSES,
                len(refreshed.keys),
                self.definition.entity,
                ", ".join(map(str, refreshed.keys[:NAMED_KEYS])),
            )
        return made

    def remove_own_documents(self, keys: Iterable[int]) -> None:
        """Remove the documents of these keys that a build, or a refresh, has made."""
        for batch in batches(keys, self.settings.refresh_keys):
            hits = find_documents(self.definition, self.client, self.index, batch)
            own = [
                hit["_id"] for hit in hits if any(is_own_id(key, hit["_id"]) for key in keys_of(self.definition, hit))
            ]
            self._send(map(deletion, own))

    def settle(self) -> None:
        """Wait for as long as the application may take from its commit to the end of its writes to the index."""
        time.sleep(self.settings.settle_seconds)

    def _changes(self, connection: Connection, batch: list[int]) -> list["Change"]:
        """What each of these keys needs, in their order, without the keys whose documents are right."""
        lines = document_lines(self.definition, connection, self.run_date, batch)
        wanted = _by_key((key_of(document_id(line)), line) for line in lines)
        hits = find_documents(self.definition, self.client, self.index, batch, fields=True)
        existing = _by_key((key, hit) for hit in hits for key in keys_of(self.definition, hit))
        properties = self.definition.properties
        changes = (_change(key, wanted.get(key, []), existing.get(key, []), properties) for key in batch)
        return [change for change in changes if change.missing or change.surplus]

    def _write(self, changes: list["Change"]) -> set[int]:
        """Write the new documents, then remove the old ones of the keys whose new documents are all in the index.

        Two requests: in one, Elasticsearch would remove an old document whose replacement it refuses. Returns the
        keys with a refused document; what was accepted of theirs is removed again.
        """
        if not changes:
            return set()
        refusals: list[Refusal] = []
        self._send((line for change in changes for line in change.missing), on_refused=refusals.extend)
        refused = {refusal.key for refusal in refusals}
        with_refusal = [change for change in changes if change.key in refused]
        kept = {each for change in with_refusal for each in change.existing}  # a document may have several keys
        taken = self._arrived([change for change in changes if change.key not in refused])
        self._send(deletion(each) for change in taken for each in change.surplus if each not in kept)
        self._send(deletion(each) for change in with_refusal for each in change.additions())
        self.quarantine.keep_old_documents(change.key for change in with_refusal if change.existing)
        self.quarantine.accept(refused)  # earlier reasons of these keys no longer count
        self.quarantine.add(refusals)
        return refused

    def _arrived(self, changes: list["Change"]) -> list["Change"]:
        """The changes whose new documents are all in the index, with their keys.

        An ingest pipeline may have sent some to another index, or the application may have removed them again. Where
        nothing is to be removed, it makes no difference: these changes are not looked up.
        """
        replaced = [change.key for change in changes if change.missing and change.surplus]
        if not replaced:
            return changes
        reads.refresh(self.client, self.index)
        found = {hit["_id"] for hit in find_documents(self.definition, self.client, self.index, replaced)}
        return [change for change in changes if found.issuperset(map(document_id, change.missing))]

    def _send(self, operations: Iterable[bytes], on_refused: Callable[[list[Refusal]], None] | None = None) -> None:
        bulk.load(self.definition, self.client, self.index, operations, self.settings, on_refused=on_refused)


@dataclass(frozen=True)
class Change:
    """What one key needs. missing: lines of documents to write. surplus: ids of documents to remove.

    existing: all documents that the key has, by their ids.
    """

    key: int
    missing: list[bytes]
    surplus: list[str]
    existing: dict[str, dict[str, Any]]

    def additions(self) -> list[str]:
        """The ids of the missing documents that no document had before."""
        return [each for each in map(document_id, self.missing) if each not in self.existing]


def deletion(any_id: str) -> bytes:
    """The bulk line that removes a document."""
    return json.dumps({"delete": {"_id": any_id}}).encode() + b"\n"


def find_documents(
    definition: IndexDefinition,
    client: Elasticsearch,
    index: str,
    keys: Sequence[int],
    fields: Sequence[str] | bool = False,
) -> Iterable[dict[str, Any]]:
    """The hits for these keys: _id, keys_of() and, in _source, the requested fields (True: all)."""
    return hits_of(definition, client, index, {"terms": {definition.key_field: list(keys)}}, fields)


def hits_of(
    definition: IndexDefinition,
    client: Elasticsearch,
    index: str,
    condition: dict[str, Any],
    fields: Sequence[str] | bool = False,
) -> Iterable[dict[str, Any]]:
    """The hits of a query, with the same content as those of find_documents()."""
    return reads.scan(
        client,
        index,
        size=PAGE_DOCUMENTS,
        query=condition,
        source=fields if isinstance(fields, bool) else list(fields),
        docvalue_fields=[{"field": definition.key_field}],
    )


def keys_of(definition: IndexDefinition, hit: dict[str, Any]) -> list[int]:
    """The keys of a hit, as Elasticsearch reads them: the application may write a text or a list, or no key at all."""
    keys: list[int] = hit.get("fields", {}).get(definition.key_field, [])
    return keys


def _by_key(items: Iterable[tuple[int, Any]]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for key, item in items:
        found[key].append(item)
    return found


def _change(key: int, lines: list[bytes], hits: list[dict[str, Any]], properties: Properties) -> Change:
    """What one key needs: the lines that have no document of the same content, and the documents to remove.

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
    return Change(
        key, missing, [old for old in surplus if old not in rewritten], {hit["_id"]: hit["_source"] for hit in hits}
    )
