"""Documents that the application has written to an index since a given write, found by their sequence numbers.

The application may be in the middle of a write while the alias moves: it searched the previous index for old documents
and writes the new ones to this index. The edits since the snapshot do not show which key that was.
"""

from elasticsearch import Elasticsearch

from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.documents import is_own_id
from sync_jobs.search.reads import refresh
from sync_jobs.search.refresh import DocumentRefresh, hits_of, keys_of


def last_write(client: Elasticsearch, index: str) -> int:
    """The sequence number of the last write to the index; with several shards, that of the shard with the lowest."""
    shards = client.indices.stats(index=index, level="shards")["indices"][index]["shards"].values()
    last: int = min(copy["seq_no"]["max_seq_no"] for copies in shards for copy in copies if copy["routing"]["primary"])
    return last


def keys_written_since(definition: IndexDefinition, client: Elasticsearch, index: str, last: int) -> set[int]:
    """The keys of which the application has written a document since last_write() gave this number."""
    refresh(client, index)
    hits = hits_of(definition, client, index, {"range": {"_seq_no": {"gt": last}}})
    return {key for hit in hits for key in keys_of(definition, hit) if not is_own_id(key, hit["_id"])}


def remove_superseded(refresh: DocumentRefresh, last: int) -> None:
    """Remove the documents of a build where the application has written newer ones of the same key.

    last: as for keys_written_since(). For an index whose documents must not be rewritten from PostgreSQL.
    """
    keys = keys_written_since(refresh.definition, refresh.client, refresh.index, last)
    refresh.remove_own_documents(sorted(keys))
