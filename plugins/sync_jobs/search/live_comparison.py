"""How a new index differs from the live one, document by document, without reading either in full.

The _id of a document is its key and a hash of the content: equal ids mean equal documents. While the new index is
loaded, queries find the documents of the live index that have none of the new ids. Afterwards, the documents of their
keys are compared in both indices. For every other key, the new index has at least the documents of the live one, so
two counts are enough.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.batches import batches
from sync_jobs.errors import IndexNotAsExpected
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.documents import content_key, document_id, is_own_id, key_of
from sync_jobs.search.reads import count, search
from sync_jobs.search.refresh import find_documents, keys_of

BATCH_KEYS = 1_000
QUERY_DOCUMENTS = 10_000
# The type of the key field, both in the mapping and where Elasticsearch has guessed it from a document.
KEY_TYPE = "long"

# Called with each key whose documents differ, ascending. Parity collects them (sync_jobs.parity).
on_differing_key: ContextVar[Callable[[int], None]] = ContextVar("on_differing_key", default=lambda _: None)


@dataclass
class DocumentDifference:
    """Numbers of documents: new, changed (another document of the same key was replaced), removed and equal."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0


class LiveDocuments:
    """Finds, during the load, the keys for which the live index has a document that the new one lacks.

    A context manager. Call compare() with the lines of each body, in the order of the keys; then outdated_keys().
    live: None if there is no live index.
    """

    def __init__(self, definition: IndexDefinition, client: Elasticsearch, live: str | None) -> None:
        self._key_field, self._client, self._live = definition.key_field, client, live
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="comparison")
        self._query: Future[None] | None = None
        self._compared_up_to: int | None = None  # the last key that was looked up in the live index
        self._found = array("q")

    def __enter__(self) -> "LiveDocuments":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def compare(self, lines: Sequence[bytes]) -> None:
        """Query the live index for documents other than these lines, in the background, after the previous query."""
        if self._live is None:
            return
        ids = [document_id(line) for line in lines]
        self._wait()
        self._query = self._thread.submit(self._ask, self._live, ids)

    def outdated_keys(self) -> "array[int]":
        """The keys found, ascending, some twice. A few are not outdated: those whose lines are in two bodies."""
        self._wait()
        if self._live is not None:
            self._find(self._live, [], self._next_keys(None))
        return self._found

    def _wait(self) -> None:
        if self._query:
            self._query.result()

    def _ask(self, live: str, ids: list[str]) -> None:
        for batch in batches(ids, QUERY_DOCUMENTS):
            keys = self._next_keys(key_of(batch[0])) | {"lte": key_of(batch[-1])}
            self._find(live, batch, keys)
            self._compared_up_to = keys["lte"]

    def _next_keys(self, first: int | None) -> dict[str, int]:
        """The range from the end of the previous query, which also covers keys that only the live index has.

        first: the first key of the current lines; its other lines may be in the previous body.
        """
        if self._compared_up_to is None:
            return {}
        split = first == self._compared_up_to
        return {"gte" if split else "gt": self._compared_up_to}

    def _find(self, live: str, ids: list[str], keys: dict[str, int]) -> None:
        """Add the keys of this range for which the live index has a document with another id."""
        query = {"bool": {"filter": {"range": {self._key_field: keys}}, "must_not": {"terms": {"_id": ids}}}}
        pages: dict[str, Any] = {"size": BATCH_KEYS, "sources": [{"key": {"terms": {"field": self._key_field}}}]}
        while True:
            by_key = {"keys": {"composite": pages}}
            answer = search(self._client, index=live, size=0, query=query, aggregations=by_key)
            page = answer["aggregations"]["keys"]
            self._found.extend(bucket["key"]["key"] for bucket in page["buckets"])
            if "after_key" not in page:
                return
            pages["after"] = page["after_key"]


def refuse_incomparable(definition: IndexDefinition, client: Elasticsearch, live: str) -> None:
    """Raise IndexNotAsExpected if the key field of the live index is not a long: keys cannot be looked up in it."""
    kind = _key_type(definition, client, live)
    if kind not in (KEY_TYPE, None):
        raise IndexNotAsExpected(
            f"{live}: expected {definition.key_field} of type {KEY_TYPE}, found {kind}. No build made this "
            f"index. Remove it (DELETE /{live}), then run the job again; search is empty until the build has finished."
        )


def has_comparable_key(definition: IndexDefinition, client: Elasticsearch, index: str) -> bool:
    """Whether documents of the index can be found by their key."""
    return _key_type(definition, client, index) == KEY_TYPE


def _key_type(definition: IndexDefinition, client: Elasticsearch, index: str) -> str | None:
    fields = client.indices.get_mapping(index=index)[index]["mappings"].get("properties", {})
    kind: str | None = fields.get(definition.key_field, {}).get("type")
    return kind


def compare(
    definition: IndexDefinition, client: Elasticsearch, live: str | None, new: str, keys: Iterable[int]
) -> DocumentDifference:
    """Compare the documents of the new index with those of the live one (None: no index is live), and count them.

    keys: every key for which the live index has a document that the new one lacks; others may be among them.
    Ascending, duplicates allowed.
    """
    total_new = count(client, new)
    if live is None:
        return DocumentDifference(added=total_new)
    # The application might write a document without a key. No lookup finds it, and the new index does not have it.
    has_no_key = {"bool": {"must_not": {"exists": {"field": definition.key_field}}}}
    without_key = count(client, live, has_no_key)
    total_live = count(client, live) - without_key
    difference = DocumentDifference(removed=without_key)
    compared_live = compared_new = 0
    for batch in batches((key for key, _ in groupby(keys)), BATCH_KEYS):
        before, after = _ids(definition, client, live, batch), _ids(definition, client, new, batch)
        compared_live += sum(map(len, before.values()))
        compared_new += sum(map(len, after.values()))
        _use_own_ids(definition, client, live, new, before)
        for key in sorted(before.keys() | after.keys()):
            if sorted(before[key]) != sorted(after[key]):
                on_differing_key.get()(key)
            _count(difference, before[key], after[key])
    rest_live, rest_new = total_live - compared_live, total_new - compared_new
    difference.unchanged += min(rest_live, rest_new)
    difference.added += max(0, rest_new - rest_live)
    difference.removed += max(0, rest_live - rest_new)  # the application has written to the live index meanwhile
    return difference


def _ids(definition: IndexDefinition, client: Elasticsearch, index: str, keys: Sequence[int]) -> dict[int, list[str]]:
    """The _ids of these keys' documents."""
    found: dict[int, list[str]] = defaultdict(list)
    for hit in find_documents(definition, client, index, keys):
        for key in keys_of(definition, hit):
            found[key].append(hit["_id"])
    return found


def _use_own_ids(
    definition: IndexDefinition, client: Elasticsearch, live: str, new: str, before: dict[int, list[str]]
) -> None:
    """Replace the id of a document of the application by the id of the new document with the same content."""
    foreign = [key for key, ids in before.items() if not all(is_own_id(key, each) for each in ids)]
    if not foreign:
        return
    properties = definition.properties
    own = {
        content_key(hit["_source"], properties): hit["_id"]
        for hit in find_documents(definition, client, new, foreign, fields=True)
    }
    rewritten: dict[int, list[str]] = defaultdict(list)
    for hit in find_documents(definition, client, live, foreign, fields=True):
        for key in keys_of(definition, hit):
            rewritten[key].append(own.get(content_key(hit["_source"], properties), hit["_id"]))
    before.update(rewritten)


def _count(difference: DocumentDifference, before: list[str], after: list[str]) -> None:
    old, new = Counter(before), Counter(after)
    equal = (old & new).total()
    changed = min(old.total(), new.total()) - equal
    difference.unchanged += equal
    difference.changed += changed
    difference.removed += old.total() - equal - changed
    difference.added += new.total() - equal - changed
