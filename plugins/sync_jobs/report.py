"""What every job returns: numbers and names of indices, never personal data."""

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

# The counts of a report, in display order. Logs, messages, recovery and the page show these.
COUNTS = ("read", "added", "changed", "removed", "unchanged", "refreshed", "left_out")


def label(count: str) -> str:
    """The name of a count for people: "left out" for left_out."""
    return count.replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a job found and did. Counts are rows of its table, or documents of its index.

    read: those wanted. added, changed, removed: the difference to what was there; a dry run only counts it.
    unchanged: those that were right already. refreshed: documents rewritten for single persons, by job 8 (a dry run
    only counts them) and when a build or a rollback catches up with edits.
    indices: names of Elasticsearch indices, by "live", "previous" and "removed".
    phases: seconds by phase, of an index build.
    headroom: the part of each guard-rail limit that a job leaves unused (sync_jobs.guard_rail.check_guard_rails).
    left_out: persons whose documents Elasticsearch refused; left_out_records: key, field and kind of reason of each,
    and whether search keeps an old document.
    warning: sentences that an operator should read although the run has succeeded; empty if there is nothing to say.
    """

    read: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    refreshed: int = 0
    indices: dict[str, list[str]] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)
    headroom: dict[str, float] = field(default_factory=dict)
    left_out: int = 0
    left_out_records: list[dict[str, Any]] = field(default_factory=list)
    warning: str = ""


@dataclass(frozen=True, kw_only=True)
class Report(Outcome):
    """The outcome of one run of one job, and the dates it was for.

    seconds: wall clock.
    """

    job: str
    run_date: date
    first_date: date
    last_date: date
    dry_run: bool
    seconds: float

    def summary(self) -> str:
        """One line for a log: "read 9, added 0, changed 0, removed 0, unchanged 9, refreshed 0, left out 0, 0.6 s"."""
        counts = ", ".join(f"{label(name)} {getattr(self, name)}" for name in COUNTS)
        text = f"{counts}, {self.seconds:.1f} s{' (dry run: nothing was written)' if self.dry_run else ''}"
        return f"{text}. {self.warning}" if self.warning else text

    def as_dict(self) -> dict[str, object]:
        """JSON-able: dates as ISO strings."""
        dates = {name: getattr(self, name).isoformat() for name in ("run_date", "first_date", "last_date")}
        return asdict(self) | dates
