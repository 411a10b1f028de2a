"""Job 6, PersonElasticSearchSyncJob: the search index persons (domain.md, "6 PersonElasticSearchSyncJob").

    lock  ->  remove orphans  ->  create  ->  load under one snapshot  ->  verify  ->  promote  ->  remove retired

PostgreSQL makes the finished lines of every document (person_documents.sql); here they are only passed on.
Whatever fails, the new index is removed and the live one keeps serving.
"""

import json
import logging
import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from sync_jobs import bulk, index_difference, search_index
from sync_jobs.database import (
    Connection,
    advisory_lock,
    check_guard_rail,
    copy_text_rows,
    execute,
    one_row,
    snapshot,
)
from sync_jobs.errors import IndexNotAsExpected
from sync_jobs.report import Outcome
from sync_jobs.run import JobRun

ALIAS = "persons"
DEFINITION_FILE = Path(__file__).resolve().parents[2] / "include" / "elasticsearch" / "persons.json"
PROGRESS_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Totals:
    """Documents of an index, and what is nested in them."""

    documents: int
    trusts: int
    memberships: int


@cache
def definition() -> dict[str, Any]:
    """Settings and mapping of an index behind the alias, as include/elasticsearch/persons.json has them."""
    content: dict[str, Any] = json.loads(DEFINITION_FILE.read_text(encoding="utf-8"))
    return content


def rebuild_person_index(run: JobRun) -> Outcome:
    """Build a new index beside the live one, verify it, and put it behind the alias; a dry run removes it again."""
    client = run.elasticsearch
    with advisory_lock(run.postgres, search_index.lock_name(ALIAS)):
        orphans = search_index.remove_orphans(client, ALIAS)
        name = search_index.new_index_name(ALIAS, _clock(run.postgres))
        try:
            outcome = _build(run, name)
            if not run.dry_run:
                search_index.promote(client, ALIAS, name)
        except BaseException:
            _discard_quietly(client, name)
            raise
        if run.dry_run:
            search_index.discard(client, ALIAS, name)
            retired = [name]
        else:
            retired = search_index.remove_retired(client, ALIAS)
        live = search_index.find_live(client, ALIAS).name
    indices = {"live": [live] if live else [], "removed": orphans + retired}
    return replace(outcome, indices=indices)


def _build(run: JobRun, name: str) -> Outcome:
    """Make the index, whole and verified, and compare it with the live one. Nothing that readers see has changed."""
    client = run.elasticsearch
    meta = {"run_id": run.run_id, "run_date": run.run_date.isoformat(), "alias": ALIAS}
    search_index.create(client, name, definition(), meta)
    wanted, seconds = _load(run, name)
    search_index.make_searchable(client, name, definition())
    _verify(client, name, wanted)
    difference = index_difference.compare(client, search_index.find_live(client, ALIAS).name, name)
    existing = difference.unchanged + difference.changed + difference.removed
    check_guard_rail(f"index {ALIAS}", difference.removed, existing, run.maximum_removed_percent)
    rate = round(wanted.documents / seconds) if seconds else None
    return Outcome(read=wanted.documents, documents_per_second=rate, **asdict(difference))


def _load(run: JobRun, name: str) -> tuple[Totals, float]:
    """Fill the index from one snapshot; return what it must hold, by a separate count, and the seconds it took."""
    dates = {"run_date": run.run_date}
    with snapshot(run.postgres):
        wanted = Totals(*one_row(run.postgres, "person_document_totals", dates))
        execute(run.postgres, "person_documents_planner")
        started = time.monotonic()
        lines = copy_text_rows(run.postgres, "person_documents", dates | {"person_ids": None})
        sent = bulk.load(run.elasticsearch, name, lines, _Progress(name, wanted.documents))
        seconds = time.monotonic() - started
    if sent != wanted.documents:
        raise IndexNotAsExpected(f"{name}: PostgreSQL counts {wanted.documents} documents, but made {sent}")
    return wanted, seconds


def _verify(client: Elasticsearch, name: str, wanted: Totals) -> None:
    """Raise IndexNotAsExpected unless the index holds exactly what PostgreSQL counted."""
    found = _totals(client, name)
    if found != wanted:
        raise IndexNotAsExpected(f"{name}: expected {wanted}, found {found}. The live index was not touched.")


def _totals(client: Elasticsearch, name: str) -> Totals:
    nested = {path: {"nested": {"path": path}} for path in ("trusts", "programmeMemberships")}
    answer = client.search(index=name, size=0, track_total_hits=True, aggregations=nested)
    counts = answer["aggregations"]
    return Totals(
        documents=answer["hits"]["total"]["value"],
        trusts=counts["trusts"]["doc_count"],
        memberships=counts["programmeMemberships"]["doc_count"],
    )


def _clock(connection: Connection) -> datetime:
    """The start of a build, by the one clock that all hosts share: which build is newer must not be in doubt."""
    started: datetime = one_row(connection, "clock")[0]
    return started


def _discard_quietly(client: Elasticsearch, name: str) -> None:
    """Remove the index of a failed build. What cannot be removed now is an orphan to the next build."""
    try:
        search_index.discard(client, ALIAS, name)
    except (TransportError, ApiError, IndexNotAsExpected) as error:
        log.warning("%s could not be removed (%s): the next build removes it", name, type(error).__name__)


class _Progress:
    """Logs how far a build is, every few seconds."""

    def __init__(self, name: str, documents: int) -> None:
        self._name, self._documents = name, documents
        self._started = self._logged = time.monotonic()

    def __call__(self, sent: int) -> None:
        now = time.monotonic()
        if now - self._logged >= PROGRESS_SECONDS:
            self._logged = now
            rate = sent / (now - self._started)
            log.info("%s: %d of %d documents, %.0f a second", self._name, sent, self._documents, rate)
