"""Keeps the live index's documents of keys whose new ones are refused (docs/domain.md, "Refused documents")."""

import json
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.search import bulk
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.index_mapping import has_mapping
from sync_jobs.search.quarantine import Quarantine
from sync_jobs.search.reads import refresh
from sync_jobs.search.refresh import deletion, find_documents, keys_of
from sync_jobs.search.refusals import Refusal
from sync_jobs.search.settings import IndexSettings


def carry_over_documents(
    definition: IndexDefinition,
    client: Elasticsearch,
    live: str | None,
    name: str,
    *,
    quarantine: Quarantine,
    settings: IndexSettings,
) -> list[dict[str, Any]]:
    """In the new index, replace all documents of the keys in quarantine by those of the live index.

    They are indexed as they are, if the live index has the same mapping. Those that the new index refuses, too, are
    left out. Call it when the new index is searchable. Returns the documents that were carried over.
    """
    if not quarantine.keys:
        return []
    taken = find_documents(definition, client, name, quarantine.keys)
    bulk.load(definition, client, name, [deletion(hit["_id"]) for hit in taken], settings)
    hits: list[dict[str, Any]] = []
    if live and has_mapping(client, live, definition):
        hits = list(find_documents(definition, client, live, quarantine.keys, fields=True))
    refusals: list[Refusal] = []
    lines = [_line(hit["_id"], hit["_source"]) for hit in hits]
    bulk.load(definition, client, name, lines, settings, on_refused=refusals.extend)
    refused = {refusal.document_id for refusal in refusals}
    carried = [hit for hit in hits if hit["_id"] not in refused]
    quarantine.keep_old_documents(key for hit in carried for key in keys_of(definition, hit))
    refresh(client, name)
    return [hit["_source"] for hit in carried]


def _line(any_id: str, source: dict[str, Any]) -> bytes:
    return f"{json.dumps({'index': {'_id': any_id}})}\n{json.dumps(source)}\n".encode()
