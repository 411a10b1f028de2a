"""Parity: what the jobs would change of what the service that ran before has written, in numbers and ids.

Each job makes a dry run, without guard rails. What a dry run finds is what that service has written otherwise, because
nothing is written: PersonElasticSearchSyncJob, too, reads the owners and trusts of that service.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from elasticsearch import Elasticsearch

from sync_jobs.batches import batches
from sync_jobs.catalogue import JOBS, Job
from sync_jobs.error_translation import errors_translated
from sync_jobs.errors import SyncJobError
from sync_jobs.guard_rail import Limits
from sync_jobs.postgres.difference import on_difference
from sync_jobs.postgres.statements import Connection, execute
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.report import Report
from sync_jobs.runner import run_job
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.index_alias import find_live
from sync_jobs.search.live_comparison import on_differing_key
from sync_jobs.search.refresh import find_documents, keys_of
from sync_jobs.search.settings import IndexSettings
from sync_jobs.search.source_comparison import keys_without_documents
from sync_jobs.search.verification import Documents, differences_of, plain_documents

WITHOUT_LIMITS = Limits(maximum_removed_percent=100, maximum_added_percent=1e9, maximum_changed_percent=100)


@dataclass(frozen=True, kw_only=True)
class Parity:
    """What one job would change. report: of its dry run; None if it failed. error: why.

    keys: the first ids of each kind of difference. counts: of a job that builds an index, how many keys there are of
    each kind; the report has those of the others.
    """

    job: str
    report: Report | None = None
    error: str = ""
    keys: Mapping[str, list[str]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_equal(self) -> bool:
        """The service that ran before has written what this job would write."""
        report = self.report
        return report is not None and not (report.added or report.changed or report.removed or report.refreshed)

    def lines(self) -> list[str]:
        """For people: the numbers, and below them the first ids of each kind."""
        if self.report is None:
            return [f"{self.job}: {self.error}"]
        lines = [f"{self.job}: {'equal' if self.is_equal else 'different'}. {self.report.summary()}"]
        for kind, keys in self.keys.items():
            count = self.counts.get(kind)
            more = "" if count == len(keys) else ", …"
            lines.append(f"  {kind}{f', {count}' if count else ''}: {', '.join(keys)}{more}")
        return lines


def compare_all(
    *,
    postgres: Connection,
    elasticsearch: Elasticsearch,
    run_date: date,
    first_date: date | None = None,
    settings: IndexSettings | None = None,
    size: int = 10,
) -> Iterator[Parity]:
    """Compare all jobs, one after the other. A job that fails does not keep the others from being compared.

    postgres, elasticsearch, settings: as for run_job. run_date: the night of the service that ran before. first_date:
    the first night that jobs 7 and 8 would cover: it shows what that service has missed. size: how many ids are named.
    """
    for job in JOBS:
        try:
            with errors_translated():
                yield _compare(
                    job,
                    postgres=postgres,
                    elasticsearch=elasticsearch,
                    run_date=run_date,
                    first_date=first_date if job.covers_missed_nights else None,
                    settings=settings or IndexSettings(),
                    size=size,
                )
        except SyncJobError as error:
            yield Parity(job=job.name, error=str(error))


def _compare(
    job: Job,
    *,
    postgres: Connection,
    elasticsearch: Elasticsearch,
    run_date: date,
    first_date: date | None,
    settings: IndexSettings,
    size: int,
) -> Parity:
    keys: dict[str, list[str]] = defaultdict(list)
    documents = array("q")
    with _observed(keys, documents, size):
        report = run_job(
            job,
            postgres=postgres,
            elasticsearch=elasticsearch,
            run_date=run_date,
            first_date=first_date,
            limits=WITHOUT_LIMITS,
            dry_run=True,
            run_id="parity",
            settings=settings,
        )
    if job.builds_index is None:
        return Parity(job=job.name, report=report, keys=keys)
    # The index itself: the alias can have a filter.
    live = find_live(elasticsearch, job.builds_index.alias).name
    if live is None:
        return Parity(job=job.name, report=report, keys=keys)
    if report.added:
        # The build knows only the number of the keys that are new.
        new = keys_without_documents(job.builds_index, postgres, elasticsearch, live)
        documents = array("q", sorted({*documents, *new}))
    by_kind = _documents_by_kind(job.builds_index, postgres, elasticsearch, live, run_date=run_date, keys=documents)
    return Parity(
        job=job.name,
        report=report,
        keys={kind: [str(key) for key in found[:size]] for kind, found in by_kind.items()},
        counts={kind: len(found) for kind, found in by_kind.items()},
    )


@contextmanager
def _observed(keys: dict[str, list[str]], documents: "array[int]", size: int) -> Iterator[None]:
    """In the block, collect the keys of rows by kind of change, and all keys whose documents differ."""

    def read_keys(connection: Connection) -> None:
        for change, key in execute(connection, "session/difference_keys", {"size": size}):
            keys[change].append(key)

    rows, of_documents = on_difference.set(read_keys), on_differing_key.set(documents.append)
    try:
        yield
    finally:
        on_difference.reset(rows)
        on_differing_key.reset(of_documents)


def _documents_by_kind(
    definition: IndexDefinition,
    postgres: Connection,
    client: Elasticsearch,
    live: str,
    *,
    run_date: date,
    keys: Iterable[int],
) -> dict[str, "array[int]"]:
    """The keys by what is different about their documents in the live index, in the words of a report.

    A key with several differing fields is in the list of each. The new index is gone, so the plain query of the
    verification gives the documents that are wanted.
    """
    found: dict[str, array[int]] = defaultdict(lambda: array("q"))
    for batch in batches(keys, IndexSettings().refresh_keys):
        with snapshot(postgres):
            wanted = plain_documents(definition, postgres, run_date, batch)
        existing: Documents = {key: [] for key in batch}
        for hit in find_documents(definition, client, live, batch, fields=True):
            for key in keys_of(definition, hit):
                existing.setdefault(key, []).append(hit["_source"])
        for key in batch:
            for kind in _kinds(definition, wanted[key], existing[key]):
                found[kind].append(key)
    return dict(sorted(found.items()))


def _kinds(definition: IndexDefinition, wanted: list[dict[str, object]], found: list[dict[str, object]]) -> list[str]:
    entity = definition.entity
    if not found:
        return [f"{entity}s without a document in {definition.alias}"] if wanted else []
    if not wanted:
        return [f"{entity}s whose documents in {definition.alias} should not be there"]
    if len(wanted) != len(found):
        return [f"{entity}s with another number of documents"]
    return [f"{entity}s with another {name}" for name in differences_of(wanted, found, definition.properties)]
