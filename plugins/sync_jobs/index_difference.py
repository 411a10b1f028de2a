"""How two indices of persons differ, by the ids of their documents alone.

An id is made of the person's id and a hash of the content (person_documents.sql): the same id means the same
document. Both indices are read side by side in the order of personId, a page at a time, and compared as sets.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

PAGE_DOCUMENTS = 10_000
KEEP_ALIVE = "2m"

Entry = tuple[int, str]


@dataclass
class DocumentDifference:
    """Documents that are new, changed (a person's old one for a new one), gone, or alike."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0


class _Reader:
    """(personId, _id) of all documents of one index, in the order of personId."""

    def __init__(self, client: Elasticsearch, index: str) -> None:
        self._client = client
        self._point_in_time: str = client.open_point_in_time(index=index, keep_alive=KEEP_ALIVE)["id"]
        self._after: list[Any] | None = None
        self.entries: set[Entry] = set()
        self.complete_below: float = -math.inf  # every entry of a personId below this has been read

    def read_page(self) -> None:
        answer = self._client.search(
            pit={"id": self._point_in_time, "keep_alive": KEEP_ALIVE},
            sort=["personId", "_shard_doc"],
            size=PAGE_DOCUMENTS,
            source=False,
            track_total_hits=False,
            filter_path="pit_id,hits.hits._id,hits.hits.sort",
            search_after=self._after,
        )
        hits = answer.get("hits", {}).get("hits", [])
        self.entries.update((hit["sort"][0], hit["_id"]) for hit in hits)
        if len(hits) < PAGE_DOCUMENTS:
            self.complete_below = math.inf
        else:
            self._after = hits[-1]["sort"]
            self.complete_below = hits[-1]["sort"][0]

    def take_below(self, bound: float) -> set[Entry]:
        taken = self.entries if bound == math.inf else {entry for entry in self.entries if entry[0] < bound}
        self.entries = self.entries - taken
        return taken

    def close(self) -> None:
        self._client.close_point_in_time(id=self._point_in_time)


def compare(client: Elasticsearch, old: str | None, new: str) -> DocumentDifference:
    """Count the documents of new against those of old (None: nothing was there)."""
    if old is None:
        return DocumentDifference(added=client.count(index=new)["count"])
    difference = DocumentDifference()
    before, after = _Reader(client, old), _Reader(client, new)
    try:
        while (bound := min(before.complete_below, after.complete_below)) < math.inf:
            behind = before if before.complete_below == bound else after
            behind.read_page()
            bound = min(before.complete_below, after.complete_below)
            _count(difference, before.take_below(bound), after.take_below(bound))
    finally:
        before.close()
        after.close()
    return difference


def _count(difference: DocumentDifference, old: set[Entry], new: set[Entry]) -> None:
    gone = Counter(person for person, _ in old - new)
    come = Counter(person for person, _ in new - old)
    changed = (gone & come).total()
    difference.unchanged += len(old & new)
    difference.changed += changed
    difference.removed += gone.total() - changed
    difference.added += come.total() - changed
