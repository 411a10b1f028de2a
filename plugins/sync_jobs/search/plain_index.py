"""Keeps the documents of a plain index that a build is about to replace by the alias of the same name.

The service that ran before the jobs leaves an index with the name of the alias. No index can be renamed, and the swap
removes it. So the build copies its documents first, into a previous index, to which a rollback can go.

A clone would be faster, but needs a block on writes: the application would lose edits, and a build that is killed would
leave the block behind. A copy reads one state of the index while the application goes on writing
(docs/decisions/0027-documents-of-a-plain-index.md).
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from sync_jobs.errors import IndexNotAsExpected, SyncJobError
from sync_jobs.search import bulk, index_alias, operator_settings, reads
from sync_jobs.search.created_index import check_created
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.settings import IndexSettings

PAGE_DOCUMENTS = 2_000
# What the _meta of the copy has from that of the new index.
SOURCE = ("run_id", "source_snapshot", "source_timeline", "versions")

log = logging.getLogger(__name__)


@contextmanager
def plain_index_kept(
    definition: IndexDefinition, client: Elasticsearch, name: str, settings: IndexSettings
) -> Iterator[None]:
    """Copy the plain index that has the name of the alias, if there is one. The block swaps the alias.

    name: of the new index, which has been loaded and verified. If the block fails before the swap, the copy is removed
    again. If no previous indices are retained (settings), nothing is copied.
    """
    live = index_alias.find_live(client, definition.alias)
    if live.name is None or live.is_alias or not settings.retained_indices:
        yield
        return
    copy = _PlainIndexCopy(definition, client, live.name, name, settings)
    try:
        copy.make()
        yield
    except BaseException:
        copy.discard_unless_swapped()
        raise


class _PlainIndexCopy:
    """The copy of a plain index. new: the index that takes its place."""

    def __init__(
        self, definition: IndexDefinition, client: Elasticsearch, plain: str, new: str, settings: IndexSettings
    ) -> None:
        self.definition, self.client, self.plain, self.new, self.settings = definition, client, plain, new, settings
        self.created = self._free_time_of_creation()
        self.name = index_alias.new_index_name(definition.alias, self.created)

    def make(self) -> None:
        """Copy mapping, settings and documents with their ids, and mark the copy as a finished index."""
        client, plain, name, alias = self.client, self.plain, self.name, self.definition.alias
        mappings = client.indices.get_mapping(index=plain)[plain]["mappings"]
        mapping = {name: value for name, value in mappings.items() if name != "_meta"}
        settings = operator_settings.settings_for_copy(client, plain)
        client.indices.create(
            index=name,
            settings=settings | index_alias.LOADING_SETTINGS,
            mappings=mapping | {"_meta": self._meta()},
        )
        check_created(client, name, mapping, given=settings)
        reads.refresh(client, plain)
        copied = bulk.load(self.definition, client, name, self._lines(), self.settings)
        index_alias.make_searchable(client, name, self.settings)
        operator_settings.carry_over_settings(client, plain, name)
        found = reads.count(client, name)
        if found != copied:
            raise IndexNotAsExpected(f"{name}: expected {copied} documents, as copied from {plain}, found {found}.")
        index_alias.add_meta(client, alias, name, {"documents": copied, "finished": True})
        log.info("%s: %d documents of the plain index %s are kept for a rollback", name, copied, plain)

    def discard_unless_swapped(self) -> None:
        """Remove the copy while the plain index is still there. If that fails, it stays as a previous index."""
        with suppress(TransportError, ApiError, SyncJobError):
            if not index_alias.find_live(self.client, self.definition.alias).is_alias:
                index_alias.discard(self.client, self.definition.alias, self.name)

    def _meta(self) -> dict[str, Any]:
        """Which index it is a copy of, and the snapshot of the build: by that, a rollback finds what was edited since.

        It has no version of a definition: by which rules the documents were made is not known.
        """
        alias = self.definition.alias
        of_build = index_alias.own_indices(self.client, alias).get(self.new, {})
        source = {name: of_build[name] for name in SOURCE if name in of_build}
        return source | {"alias": alias, "copy_of": self.plain, "run_date": self.created.date().isoformat()}

    def _lines(self) -> Iterator[bytes]:
        """The documents of one state of the plain index as bulk lines."""
        for hit in reads.scan(self.client, self.plain, size=PAGE_DOCUMENTS):
            routing = {"routing": hit["_routing"]} if "_routing" in hit else {}
            action = json.dumps({"index": {"_id": hit["_id"], **routing}})
            yield f"{action}\n{json.dumps(hit['_source'])}\n".encode()

    def _free_time_of_creation(self) -> datetime:
        """When the plain index was created, for the name of the copy, which must be older than the new index."""
        alias = self.definition.alias
        found = self.client.indices.get_settings(index=self.plain, name="index.creation_date", flat_settings=True)
        created = datetime.fromtimestamp(int(found[self.plain]["settings"]["index.creation_date"]) / 1000, UTC)
        newest = index_alias.built_at(self.new) or created
        created = min(created, newest - timedelta(microseconds=1))  # the clocks of the two servers can differ
        # A plain index that was restored from a backup may have been copied before.
        while self.client.indices.exists(index=index_alias.new_index_name(alias, created)):
            created += timedelta(microseconds=1)
        return created
