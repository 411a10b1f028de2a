"""How a new index of persons differs from the live one, document by document, without reading either in full.

An id is made of the person's id and a hash of the content (indices/persons/documents.sql): the same id means the same
document. While the new index is loaded, the live one is asked which documents it has besides those ids. Their
persons are looked at in both indices afterwards; all others have, in the new one, at least what they have in the
live one, so that two counts tell the rest.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from elasticsearch import Elasticsearch

from sync_jobs.batches import batches
from sync_jobs.errors import IndexNotAsExpected
from sync_jobs.search.documents import content_key, document_id, is_own_id, person_of
from sync_jobs.search.refresh import find_documents, persons_of

BATCH_PERSONS = 1_000
QUESTION_DOCUMENTS = 10_000
# Its type, in the mapping and where Elasticsearch has guessed one from the application's documents.
PERSON_ID = "long"


@dataclass
class DocumentDifference:
    """Documents that are new, changed (a person's old one for a new one), gone, or alike."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0


class LiveDocuments:
    """Finds the persons of whom the live index has a document that the new one lacks, while that is loaded.

    Enter it, call look_at() with the lines of each body, in the order of the persons' ids; then outdated_persons().
    live: None if there is no live index.
    """

    def __init__(self, client: Elasticsearch, live: str | None) -> None:
        self._client, self._live = client, live
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="difference")
        self._question: Future[None] | None = None
        self._asked_up_to: int | None = None  # the last person of whom the live index has been asked
        self._found = array("q")

    def __enter__(self) -> "LiveDocuments":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def look_at(self, lines: Sequence[bytes]) -> None:
        """Ask for other documents than these finished lines, beside the caller; waits for the question before."""
        if self._live is None:
            return
        ids = [document_id(line) for line in lines]
        self._wait()
        self._question = self._thread.submit(self._ask, self._live, ids)

    def outdated_persons(self) -> "array[int]":
        """Their ids, ascending, some perhaps twice, and a few that are not outdated: those whose lines were parted."""
        self._wait()
        if self._live is not None:
            self._find(self._live, [], self._persons_to_ask(None))
        return self._found

    def _wait(self) -> None:
        if self._question:
            self._question.result()

    def _ask(self, live: str, ids: list[str]) -> None:
        for batch in batches(ids, QUESTION_DOCUMENTS):
            persons = self._persons_to_ask(person_of(batch[0])) | {"lte": person_of(batch[-1])}
            self._find(live, batch, persons)
            self._asked_up_to = persons["lte"]

    def _persons_to_ask(self, first: int | None) -> dict[str, int]:
        """From where the question before ended, so that persons who are in the live index alone are found, too.

        first: the first of whom there are lines now, perhaps parted from others of that person.
        """
        if self._asked_up_to is None:
            return {}
        parted = first == self._asked_up_to
        return {"gte" if parted else "gt": self._asked_up_to}

    def _find(self, live: str, ids: list[str], persons: dict[str, int]) -> None:
        """Add the persons of this range of whom the live index has a document with another id."""
        query = {"bool": {"filter": {"range": {"personId": persons}}, "must_not": {"terms": {"_id": ids}}}}
        pages: dict[str, Any] = {"size": BATCH_PERSONS, "sources": [{"person": {"terms": {"field": "personId"}}}]}
        while True:
            by_person = {"persons": {"composite": pages}}
            answer = self._client.search(index=live, size=0, query=query, aggregations=by_person)
            page = answer["aggregations"]["persons"]
            self._found.extend(bucket["key"]["person"] for bucket in page["buckets"])
            if "after_key" not in page:
                return
            pages["after"] = page["after_key"]


def refuse_incomparable(client: Elasticsearch, live: str) -> None:
    """Raise IndexNotAsExpected if personId is no whole number in the live index: nobody could be found in it."""
    fields = client.indices.get_mapping(index=live)[live]["mappings"].get("properties", {})
    kind = fields.get("personId", {}).get("type", PERSON_ID)
    if kind != PERSON_ID:
        raise IndexNotAsExpected(
            f"{live}: expected personId of type {PERSON_ID}, found {kind}: no build has made it. Remove it "
            f"(DELETE /{live}), then run the job again; search is empty until that has ended."
        )


def compare(client: Elasticsearch, live: str | None, new: str, persons: Iterable[int]) -> DocumentDifference:
    """Count the documents of the new index against those of the live one (None: nothing was there).

    persons: all of whom the live index has a document that the new one lacks, and any others; ascending, perhaps twice.
    """
    total_new = client.count(index=new)["count"]
    if live is None:
        return DocumentDifference(added=total_new)
    # The application might write a document of nobody: no person leads to it, and the new index has none.
    of_nobody = client.count(index=live, query={"bool": {"must_not": {"exists": {"field": "personId"}}}})["count"]
    total_live = client.count(index=live)["count"] - of_nobody
    difference = DocumentDifference(removed=of_nobody)
    looked_at_live = looked_at_new = 0
    for batch in batches((person for person, _ in groupby(persons)), BATCH_PERSONS):
        before, after = _ids(client, live, batch), _ids(client, new, batch)
        looked_at_live += sum(map(len, before.values()))
        looked_at_new += sum(map(len, after.values()))
        _use_own_ids(client, live, new, before)
        for person in before.keys() | after.keys():
            _count(difference, before[person], after[person])
    rest_live, rest_new = total_live - looked_at_live, total_new - looked_at_new
    difference.unchanged += min(rest_live, rest_new)
    difference.added += max(0, rest_new - rest_live)
    difference.removed += max(0, rest_live - rest_new)  # written to it by somebody meanwhile
    return difference


def _ids(client: Elasticsearch, index: str, persons: Sequence[int]) -> dict[int, list[str]]:
    """The _ids of these persons' documents."""
    found: dict[int, list[str]] = defaultdict(list)
    for hit in find_documents(client, index, persons):
        for person in persons_of(hit):
            found[person].append(hit["_id"])
    return found


def _use_own_ids(client: Elasticsearch, live: str, new: str, before: dict[int, list[str]]) -> None:
    """Where the application has written a document with the content of a new one, count it as that one."""
    foreign = [person for person, ids in before.items() if not all(is_own_id(person, each) for each in ids)]
    if not foreign:
        return
    own = {_content(hit): hit["_id"] for hit in find_documents(client, new, foreign, fields=True)}
    rewritten: dict[int, list[str]] = defaultdict(list)
    for hit in find_documents(client, live, foreign, fields=True):
        for person in persons_of(hit):
            rewritten[person].append(own.get(_content(hit), hit["_id"]))
    before.update(rewritten)


def _content(hit: dict[str, Any]) -> str:
    return content_key(hit["_source"])


def _count(difference: DocumentDifference, before: list[str], after: list[str]) -> None:
    old, new = Counter(before), Counter(after)
    alike = (old & new).total()
    changed = min(old.total(), new.total()) - alike
    difference.unchanged += alike
    difference.changed += changed
    difference.removed += old.total() - alike - changed
    difference.added += new.total() - alike - changed
