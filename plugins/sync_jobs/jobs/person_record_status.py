"""Job 8: persons whose memberships start or have ended (docs/domain.md, "8 PersonRecordStatusJob").

Statuses are written first, even if Elasticsearch is down. Then the documents that show another status are replaced.
They are found by comparing the index with PostgreSQL, so a repeated run repairs them after a failure.
"""

import logging
from array import array
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date

from sync_jobs.batches import batches
from sync_jobs.error_translation import errors_translated_with_state
from sync_jobs.job_run import JobRun
from sync_jobs.postgres.difference import apply_difference
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.postgres.statements import execute, named_rows
from sync_jobs.postgres.transactions import read_committed, snapshot
from sync_jobs.report import Outcome
from sync_jobs.search import index_alias, reads
from sync_jobs.search.quarantine import Quarantine
from sync_jobs.search.refresh import DocumentRefresh, find_documents, keys_of

log = logging.getLogger(__name__)


def update_person_record_status(run: JobRun) -> Outcome:
    """Set person.status of the candidates, then refresh their documents in the live index."""
    outcome = _write_statuses(run)
    if run.dry_run:
        with errors_translated_with_state("Nothing was written."):
            return _foresee_refresh(run, outcome)
    with (
        errors_translated_with_state(
            "Statuses are written; the search may show old ones until this job is run again or the index is rebuilt."
        ),
        advisory_lock(run.postgres, run.index.lock_name),
    ):
        return _refresh_documents(run, outcome)


def _write_statuses(run: JobRun) -> Outcome:
    dates = {"run_date": run.run_date, "first_date": run.first_date, "last_date": run.last_date}
    which = "jobs/person_record_status_candidates_any" if run.any_date else "jobs/person_record_status_candidates"
    with read_committed(run.postgres):
        execute(run.postgres, which, dates)
        return apply_difference(
            run.postgres,
            "jobs/person_record_status",
            dates,
            existing="jobs/candidate_count",
            what="person.status",
            limits=run.limits,
            dry_run=run.dry_run,
            at_risk="jobs/person_record_status_at_risk",
            loss="make INACTIVE",
        )


def _foresee_refresh(run: JobRun, outcome: Outcome) -> Outcome:
    """The outcome of a dry run, with the number of documents that a real run would replace because of their status."""
    indices = index_alias.find_indices(run.elasticsearch, run.index.alias)
    if indices.live is None:
        return outcome
    with snapshot(run.postgres):
        documents = [person for batch in _outdated_documents(run, indices.live) for person in batch]
    if _is_of_another_definition(run, indices):
        return replace(outcome, warning=_warning(run, indices.live, set(documents)))
    return replace(outcome, refreshed=len(documents))


def _refresh_documents(run: JobRun, outcome: Outcome) -> Outcome:
    indices = index_alias.find_indices(run.elasticsearch, run.index.alias)
    index = indices.live
    if index is None:
        return outcome  # never built: the first build will show the statuses
    with snapshot(run.postgres):
        outdated = array("q", (person for batch in _outdated_documents(run, index) for person in sorted(set(batch))))
    if _is_of_another_definition(run, indices):
        return replace(outcome, warning=_warning(run, index, outdated))
    # All documents of an index are for one date, the run date of its build, even if the statuses are for another.
    built_for = indices.own.get(index, {}).get("run_date")
    run_date = date.fromisoformat(built_for) if built_for else run.run_date
    quarantine = Quarantine(run.index, run.settings.quarantine_keys)
    refresh = DocumentRefresh(run.index, run.elasticsearch, index, run_date, run.settings, quarantine)
    made = refresh.until_settled(run.postgres, outdated)
    index_alias.record_left_out(run.elasticsearch, run.index.alias, index, quarantine)
    quarantine.warn(index)
    return replace(outcome, refreshed=made, **quarantine.counted())


def _is_of_another_definition(run: JobRun, indices: index_alias.Indices) -> bool:
    """Whether a build with other SQL, or another mapping, made the live index: our documents would not fit in."""
    meta = indices.own.get(indices.live or "")
    return meta is not None and meta.get("definition") != run.index.version


def _warning(run: JobRun, index: str, persons: Collection[int]) -> str:
    """Nothing is lost: a build reads the statuses from PostgreSQL, and the next run finds these persons again."""
    if not persons:
        return ""
    warning = (
        f"The live index {index} was built by another definition (SQL or mapping) than the running one, so no document "
        f"is refreshed: search shows an old status of {run.index.counted(len(persons))} until "
        "PersonElasticSearchSyncJob has run."
    )
    log.warning("%s", warning)
    return warning


def _outdated_documents(run: JobRun, index: str) -> Iterator[list[int]]:
    """Persons whose documents show another status than PostgreSQL has (in a dry run: would have), once a document."""
    reads.refresh(run.elasticsearch, index)  # to find what was written a moment ago
    candidates = named_rows(
        run.postgres, "jobs/candidate_wanted_statuses" if run.dry_run else "jobs/candidate_statuses"
    )
    for batch in batches(candidates, run.settings.refresh_keys):
        wanted = dict(batch)
        documents = find_documents(run.index, run.elasticsearch, index, list(wanted), fields=["status"])
        shown = ((person, hit["_source"].get("status")) for hit in documents for person in keys_of(run.index, hit))
        yield [person for person, status in shown if person in wanted and status != wanted[person]]
