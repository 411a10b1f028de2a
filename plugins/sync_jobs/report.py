"""What every job returns: numbers and names of indices, never personal data."""

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a job found and did. Counts are rows of its table, or documents of its index.

    read: those wanted; added, changed and removed: what it took to get there, in a dry run what it would take;
    unchanged: those that were right already. rejected: documents that Elasticsearch refused: 0 in every report, as
    the first one stops the run, and its error says whose it is.
    refreshed: documents made anew for single persons: by job 8, in a dry run those that it would make, and by a build
    or a rollback to catch up with edits.
    indices: names of Elasticsearch indices by what became of them ("live", "previous", "removed").
    phases: seconds by phase, of an index build.
    left_out: persons whose documents Elasticsearch refused; left_out_records: key, field and kind of reason of each,
    and whether search keeps an old document.
    """

    read: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    rejected: int = 0
    refreshed: int = 0
    documents_per_second: int | None = None
    indices: dict[str, list[str]] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)
    left_out: int = 0
    left_out_records: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Report(Outcome):
    """The outcome of one run of one job, with what it was run for. seconds: wall clock."""

    job: str
    run_date: date
    first_date: date
    last_date: date
    dry_run: bool
    seconds: float

    def summary(self) -> str:
        """One line for a log: "read 274, added 0, changed 0, removed 0, unchanged 274, 0.6 s"."""
        counts = {name: getattr(self, name) for name in ("read", "added", "changed", "removed", "unchanged")}
        seldom = {name: getattr(self, name) for name in ("rejected", "refreshed", "left_out") if getattr(self, name)}
        told = ", ".join(f"{name} {count}" for name, count in (counts | seldom).items())
        return f"{told}, {self.seconds:.1f} s{' (dry run: nothing was written)' if self.dry_run else ''}"

    def as_dict(self) -> dict[str, object]:
        """JSON-able: dates as ISO strings."""
        dates = {name: getattr(self, name).isoformat() for name in ("run_date", "first_date", "last_date")}
        return asdict(self) | dates
