"""Documents that the application wrote to an index since a moment, found by their sequence numbers.

The application may be in the middle of a write while the alias moves: it has looked for old documents in the index
before, and puts new ones into this one. Which person that was, no edit since the snapshot tells.
"""

from elasticsearch import Elasticsearch

from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.documents import is_own_id
from sync_jobs.search.refresh import hits_of, keys_of


def last_write(client: Elasticsearch, index: str) -> int:
    """The sequence number of the last write to the index; with several shards, that of the shard with the lowest."""
    shards = client.indices.stats(index=index, level="shards")["indices"][index]["shards"].values()
    last: int = min(copy["seq_no"]["max_seq_no"] for copies in shards for copy in copies if copy["routing"]["primary"])
    return last


def keys_written_since(definition: IndexDefinition, client: Elasticsearch, index: str, last: int) -> set[int]:
    """The keys of which the application has written a document since last_write() gave this number."""
    client.indices.refresh(index=index)
    hits = hits_of(definition, client, index, {"range": {"_seq_no": {"gt": last}}})
    return {key for hit in hits for key in keys_of(definition, hit) if not is_own_id(key, hit["_id"])}
