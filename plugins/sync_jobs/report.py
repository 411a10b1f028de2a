"""What every job returns: numbers and names of indices, never personal data."""

from dataclasses import asdict, dataclass, field
from datetime import date


@dataclass(frozen=True)
class Report:
    """The outcome of one run of one job.

    Counts are rows of the job's table, or documents of the index. read: wanted rows or documents;
    removed and unchanged speak of those that were there before. In a dry run added, changed and removed
    say what a real run would do. indices: names of Elasticsearch indices by role ("built", "replaced", "removed").
    refreshed: documents made anew in the live index (job 8 alone).
    """

    job: str
    run_date: date
    first_date: date
    dry_run: bool
    seconds: float
    read: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    rejected: int = 0
    refreshed: int = 0
    documents_per_second: int | None = None
    indices: dict[str, list[str]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """JSON-able: dates as ISO strings."""
        return asdict(self) | {"run_date": self.run_date.isoformat(), "first_date": self.first_date.isoformat()}
