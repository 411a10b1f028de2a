"""Makes the documents of a few persons anew in the live index (domain.md, job 8).

Old documents are found by personId, so those that the application wrote under ids of its own are found too.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from elasticsearch import Elasticsearch, helpers

from sync_jobs import bulk
from sync_jobs.batches import batches
from sync_jobs.database import Connection, copy_text_rows

# Persons whose documents are found, made and replaced in one round of requests.
BATCH_PERSONS = 1_000
PAGE_DOCUMENTS = 10_000


def refresh_persons(
    connection: Connection, client: Elasticsearch, index: str, person_ids: Iterable[int], run_date: date
) -> int:
    """Replace these persons' documents in the index by what PostgreSQL holds now; return how many were made.

    index: the name of the live index itself, under its lock. A person that has no document any more loses
    those that were there. Raises what bulk.load raises.
    """
    made = 0
    client.indices.refresh(index=index)  # what was written a moment ago must be found
    for batch in batches(person_ids, BATCH_PERSONS):
        parameters = {"run_date": run_date, "person_ids": batch}
        lines = list(copy_text_rows(connection, "person_documents", parameters))
        wanted = {_document_id(line) for line in lines}
        outdated = {hit["_id"] for hit in find_documents(client, index, batch)} - wanted
        deletions = (json.dumps({"delete": {"_id": old}}).encode() + b"\n" for old in sorted(outdated))
        bulk.load(client, index, [*lines, *deletions], on_progress=lambda _: None)
        made += len(lines)
    client.indices.refresh(index=index)
    return made


def find_documents(
    client: Elasticsearch, index: str, person_ids: Sequence[int], fields: Sequence[str] = ()
) -> Iterable[dict[str, Any]]:
    """The hits of all documents of these persons, with _id and, in _source, the fields asked for."""
    query = {"query": {"terms": {"personId": list(person_ids)}}, "_source": list(fields) or False}
    return helpers.scan(client, query=query, index=index, size=PAGE_DOCUMENTS)


def _document_id(line: bytes) -> str:
    action = json.loads(line.split(b"\n", 1)[0])
    document_id: str = action["index"]["_id"]
    return document_id
