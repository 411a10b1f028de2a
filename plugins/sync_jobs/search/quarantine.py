"""The quarantine: a few refused documents must not stop an update of search (docs/domain.md, "Refused documents").

A key is in quarantine as a whole: the index keeps the old documents of that key where there are any, and none of the
new ones. Up to a limit of keys the work goes on without them; beyond it, it stops.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any

from sync_jobs.errors import RejectedDocument
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.refusals import Refusal

# Keys named when the limit is exceeded.
NAMED_KEYS = 20

log = logging.getLogger(__name__)


class Quarantine:
    """The keys of one run whose documents Elasticsearch refuses. limit: how many there may be. Safe for threads."""

    def __init__(self, definition: IndexDefinition, limit: int) -> None:
        self._definition, self._limit = definition, limit
        self._refusals: dict[int, dict[tuple[str, str], None]] = {}  # key: (field, reason), in order
        self._with_old_documents: set[int] = set()
        self._accepted: set[int] = set()
        self._lock = Lock()

    @property
    def keys(self) -> list[int]:
        """Ascending."""
        return sorted(self._refusals)

    def __contains__(self, key: int) -> bool:
        return key in self._refusals

    def add(self, refusals: Iterable[Refusal]) -> None:
        """Raise RejectedDocument if there are more keys than the limit allows."""
        with self._lock:
            for refusal in refusals:
                self._refusals.setdefault(refusal.key, {})[refusal.field, refusal.reason] = None
                self._accepted.discard(refusal.key)
            if len(self._refusals) > self._limit:
                raise RejectedDocument(
                    f"Elasticsearch refused documents of more than {self._limit} {self._definition.entity}s, the limit "
                    f"of the index setting quarantine_keys: {self._by_field()}. Correct these records, or a record "
                    "that they share, then run the job again."
                )

    def accept(self, keys: Iterable[int]) -> None:
        """The documents of these keys are in the index now as PostgreSQL has them."""
        with self._lock:
            for key in keys:
                self._refusals.pop(key, None)
                self._accepted.add(key)

    def keep_old_documents(self, keys: Iterable[int]) -> None:
        """The index still has old documents of these keys."""
        self._with_old_documents.update(keys)

    def records(self) -> list[dict[str, Any]]:
        """What was left out, for the report and the _meta of the index: one entry for each key and field, JSON-able."""
        return [
            {"key": key, "field": field, "reason": reason, "old_document": key in self._with_old_documents}
            for key in self.keys
            for field, reason in self._refusals[key]
        ]

    def counted(self) -> dict[str, Any]:
        """What was left out, as fields of sync_jobs.report.Outcome."""
        return {"left_out": len(self._refusals), "left_out_records": self.records()}

    def merged(self, earlier: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The records of an index that had earlier ones: without those of keys that this run has written."""
        kept = [each for each in earlier if each["key"] not in self._accepted and each["key"] not in self]
        return sorted([*kept, *self.records()], key=lambda each: each["key"])

    def warn(self, index: str) -> None:
        """Name everything that was left out in the log."""
        if self._refusals:
            log.warning(
                "%s: Elasticsearch refused documents of %d %s: %s. Correct these records, or the mapping, then run the "
                "job again",
                index,
                len(self._refusals),
                self._definition.entity + ("s" if len(self._refusals) > 1 else ""),
                "; ".join(self._described(each) for each in self.records()),
            )

    def _described(self, record: dict[str, Any]) -> str:
        shown = "search keeps the old document" if record["old_document"] else "not in search"
        reason = record["reason"].rstrip(".")
        return f"{self._definition.entity} {record['key']}, field {record['field']}, {shown}: {reason}"

    def _by_field(self) -> str:
        """The first keys by field and kind of reason."""
        keys: dict[tuple[str, str], list[int]] = defaultdict(list)
        for key in self.keys[:NAMED_KEYS]:
            for field, reason in self._refusals[key]:
                keys[field, reason.rstrip(".")].append(key)
        entity = self._definition.entity
        named = (
            f"field {field} of {entity}{'s' if len(of_field) > 1 else ''} {', '.join(map(str, of_field))} ({reason})"
            for (field, reason), of_field in keys.items()
        )
        return "; ".join(named) + (" and more" if len(self._refusals) > NAMED_KEYS else "")
