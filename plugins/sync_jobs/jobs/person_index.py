"""Job 6, PersonElasticSearchSyncJob: the search index persons (domain.md, "6 PersonElasticSearchSyncJob").

    lock  ->  remove orphans  ->  create  ->  load, under one snapshot  ->  verify  ->  catch up with edits
          ->  compare with the live index, guard rail  ->  promote  ->  catch up with the last edits  ->  remove retired

PostgreSQL makes the finished lines of every document (indices/persons/documents.sql); here they are only passed on.
Whatever fails before the swap, the new index is removed and the live one keeps serving; after it, the new one serves.
"""

import hashlib
import heapq
import logging
import time
from array import array
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from itertools import chain, islice
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from sync_jobs.error_translation import errors_translated_with_state
from sync_jobs.errors import IndexNotAsExpected, State
from sync_jobs.guard_rail import check_guard_rail
from sync_jobs.job_run import JobRun
from sync_jobs.postgres.background import in_background
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.postgres.statements import Connection, execute, one_row, read_sql
from sync_jobs.postgres.transactions import export_snapshot, snapshot
from sync_jobs.report import Outcome
from sync_jobs.search import bulk, index_alias, live_comparison
from sync_jobs.search.build_progress import BackgroundRefresh, Phases, Progress
from sync_jobs.search.document_stream import document_lines
from sync_jobs.search.documents import DEFINITION_FILE, mapping
from sync_jobs.search.edits import Edits
from sync_jobs.search.field_guard_rail import check_values, count_values
from sync_jobs.search.refresh import PersonRefresh, Refreshed
from sync_jobs.search.verification import (
    Totals,
    count_exported,
    plain_documents,
    sample_of_persons,
    verify_documents,
    verify_totals,
)

ALIAS = "persons"

# Of the expected documents: a refresh in the background while loading comes no more often than this.
REFRESH_FRACTION = 5

log = logging.getLogger(__name__)


def rebuild_person_index(run: JobRun) -> Outcome:
    """Build a new index beside the live one, verify it, and put it behind the alias; a dry run removes it again."""
    client = run.elasticsearch
    with (
        errors_translated_with_state("The live index was not touched.") as state,
        advisory_lock(run.postgres, index_alias.lock_name(ALIAS)),
    ):
        orphans = index_alias.remove_orphans(client, ALIAS)
        name = index_alias.new_index_name(ALIAS, _clock(run.postgres))
        try:
            outcome = _build(run, name, state)
        except BaseException:
            _discard_quietly(client, name)
            raise
        if run.dry_run:
            index_alias.discard(client, ALIAS, name)
            retired = [name]
        else:
            state.text = f"The new index {name} is live and up to date; the next build removes older ones."
            retired = index_alias.remove_retired(client, ALIAS, run.settings.retained_indices)
        live = index_alias.find_live(client, ALIAS).name
        if live != name and not run.dry_run:
            state.text = ""
            raise IndexNotAsExpected(
                f"Expected {name} behind alias {ALIAS}, where its build had put it, found {live or 'nothing'}. "
                "Somebody has moved the alias, or removed the index: look who did so, then run the job again."
            )
    indices = {"live": [live] if live else [], "removed": orphans + retired}
    return replace(outcome, indices=indices)


def _build(run: JobRun, name: str, state: State) -> Outcome:
    """Make the index, whole, verified and up to date, and promote it; nothing that readers see changes before that.

    One snapshot is kept open from the first row to the last edit: it tells who has been edited since.
    state: told once the new index is live.
    """
    client, settings = run.elasticsearch, run.settings
    live = index_alias.find_live(client, ALIAS).name
    if live:
        live_comparison.refuse_incomparable(client, live)
    phases = Phases()
    with snapshot(run.postgres), Edits(run.postgres) as edits:
        loaded = _load(run, name, live, phases)
        wanted = _verify(run, name, loaded.documents, edits.later, phases)
        with phases.of("catch up"):
            refresh = PersonRefresh(client, name, run.run_date, settings)
            caught_up = _bring_up_to_date(edits, refresh)
            _verify_count(client, name, wanted.documents + caught_up.made - caught_up.removed)
        with phases.of("compare"):
            persons = heapq.merge(loaded.outdated, sorted(caught_up.persons))
            difference = live_comparison.compare(client, live, name, persons)
            limit = run.maximum_removed_percent
            existing = difference.unchanged + difference.changed + difference.removed
            check_guard_rail(f"index {ALIAS}", difference.removed, existing, limit)
            check_values(ALIAS, loaded.live_values, count_values(client, name), limit)
        refreshed = caught_up.made
        if not run.dry_run:
            with phases.of("promote"):
                index_alias.promote(client, ALIAS, name)
            state.text = (
                f"The new index {name} is live and serves; only what was edited around the swap may be missing in it. "
                "The next run, or this one tried again, brings it up to date."
            )
            with phases.of("cover the swap"):
                index_alias.mark_finished(client, ALIAS, name)
                refreshed += cover_the_swap(edits, refresh)
    return Outcome(
        read=difference.unchanged + difference.changed + difference.added,
        refreshed=refreshed,
        documents_per_second=round(wanted.documents / (phases.seconds["load"] + phases.seconds["refresh"])),
        phases=phases.seconds,
        **asdict(difference),
    )


@dataclass(frozen=True)
class _Loaded:
    """documents: how many were sent. outdated: of whom the live index has others. live_values: of count_values()."""

    documents: int
    outdated: "array[int]"
    live_values: dict[str, int]


def _load(run: JobRun, name: str, live: str | None, phases: Phases) -> _Loaded:
    """Create the index and fill it from the snapshot.

    PostgreSQL takes a while to the first document; Elasticsearch does its share of the work meanwhile.
    """
    meta = _meta(run)
    execute(run.postgres, "session/planner_in_key_order", {"parallel_workers": run.settings.parallel_workers})
    # Closed here even if not all of it was read: until then the connection could not end its transaction.
    with phases.of("load"), closing(document_lines(run.postgres, run.run_date)) as lines:
        with in_background(run.postgres, _first_of, lines) as first_lines:
            live_values = _prepare(run, name, live, meta)
            first = first_lines.result()
        documents, outdated = _send(run, name, live, chain(first, lines), meta["expected_documents"])
        index_alias.refuse_if_removed(run.elasticsearch, ALIAS, name)
    return _Loaded(documents, outdated, live_values)


def _first_of(lines: Iterator[bytes]) -> list[bytes]:
    return list(islice(lines, 1))


def _prepare(run: JobRun, name: str, live: str | None, meta: dict[str, Any]) -> dict[str, int]:
    """Create the index; return what the live one has, for the guard rail. Nothing if there is none."""
    index_alias.create(run.elasticsearch, name, mapping(), meta, run.settings)
    return count_values(run.elasticsearch, live) if live else {}


def _send(run: JobRun, name: str, live: str | None, lines: Iterable[bytes], expected: int) -> tuple[int, "array[int]"]:
    """Send all documents to the new index; return how many, and the persons of whom the live one has another one."""
    progress = Progress(name, expected, run.settings.progress_seconds)
    every = max(run.settings.refresh_documents, expected // REFRESH_FRACTION)
    with (
        live_comparison.LiveDocuments(run.elasticsearch, live) as live_documents,
        BackgroundRefresh(run.elasticsearch, name, every) as refresh,
    ):

        def look_at(body: list[bytes]) -> None:
            live_documents.look_at(body)
            progress.advance(len(body))
            refresh.advance(len(body))

        sent = bulk.load(run.elasticsearch, name, lines, run.settings, look_at)
        return sent, live_documents.outdated_persons()


def _verify(run: JobRun, name: str, documents: int, second: Connection, phases: Phases) -> Totals:
    """Make the index searchable and hold it against the snapshot; return what is in it.

    What it must hold is counted over the second connection, while Elasticsearch makes the last documents searchable
    and the first connection makes those of a sample.
    """
    client, settings = run.elasticsearch, run.settings
    with in_background(second, count_exported, second, export_snapshot(run.postgres), run.run_date) as totals:
        with phases.of("refresh"):
            index_alias.make_searchable(client, name, settings)
        with phases.of("verify"):
            sampled = sample_of_persons(run.postgres, name, settings.sample_persons)
            sample = plain_documents(run.postgres, run.run_date, sampled)
            wanted = totals.result()
            if documents != wanted.documents:
                raise IndexNotAsExpected(
                    f"{name}: PostgreSQL counts {wanted.documents} documents, but made {documents}."
                )
            verify_totals(run.postgres, client, name, wanted, run.run_date)
            verify_documents(client, name, sample)
    index_alias.add_meta(client, ALIAS, name, asdict(wanted))
    return wanted


def _bring_up_to_date(edits: Edits, refresh: PersonRefresh) -> Refreshed:
    """Before the swap: write the persons edited since the snapshot, again and again until few are left."""
    total = Refreshed()
    for _ in range(refresh.settings.catch_up_rounds):
        with edits.later_snapshot():
            persons = edits.edited_persons()
            refreshed = refresh.once(edits.later, persons)
            sample = plain_documents(
                edits.later, refresh.run_date, refreshed.persons[: refresh.settings.sample_persons]
            )
            verify_documents(refresh.client, refresh.index, sample)
        total.persons.extend(refreshed.persons)
        total.made += refreshed.made
        total.removed += refreshed.removed
        log.info("%s: %d persons edited meanwhile, %d written", refresh.index, len(persons), len(refreshed.persons))
        if len(refreshed.persons) <= refresh.settings.catch_up_persons:
            break
    return total


def cover_the_swap(edits: Edits, refresh: PersonRefresh) -> int:
    """After the swap: write what was committed before it and not seen yet; return how many documents were made.

    At once, since readers see the index now; and once more when the application's writes that had begun before
    the swap have ended: it may have looked for old documents in the index before, and written new ones to this.
    """
    made = 0
    for pause in (0.0, refresh.settings.settle_seconds):
        time.sleep(pause)
        with edits.later_snapshot():
            persons = edits.edited_persons()
        made += refresh.until_settled(edits.later, persons)
    return made


def _verify_count(client: Elasticsearch, name: str, wanted: int) -> None:
    found = client.count(index=name)["count"]
    if found != wanted:
        raise IndexNotAsExpected(f"{name}: expected {wanted} documents after catching up with edits, found {found}.")


def _meta(run: JobRun) -> dict[str, Any]:
    """What explains the index to whoever finds it, but for what it holds: that is counted later."""
    source_snapshot, postgres_version = one_row(run.postgres, "session/source_snapshot")
    nodes = run.elasticsearch.cluster.stats(filter_path="nodes.versions")["nodes"]["versions"]
    return {
        "alias": ALIAS,
        "run_id": run.run_id,
        "run_date": run.run_date.isoformat(),
        "source_snapshot": source_snapshot,
        "expected_documents": one_row(run.postgres, "indices/persons/expected_count")[0],
        "versions": {"postgresql": postgres_version, "elasticsearch": nodes, "definition": _definition_version()},
    }


@cache
def _definition_version() -> str:
    """Alike for indices whose documents and mapping are made alike."""
    definition = read_sql("indices/persons/documents").encode() + DEFINITION_FILE.read_bytes()
    return hashlib.sha256(definition).hexdigest()[:12]


def _clock(connection: Connection) -> datetime:
    """The start of a build, by the one clock that all hosts share: which build is newer must not be in doubt."""
    started: datetime = one_row(connection, "session/clock")[0]
    return started


def _discard_quietly(client: Elasticsearch, name: str) -> None:
    """Remove the index of a failed build, unless it is live. What cannot be removed now is an orphan to the next."""
    try:
        index_alias.discard(client, ALIAS, name)
    except (TransportError, ApiError, IndexNotAsExpected) as error:
        kind = type(error).__name__
        log.warning("%s could not be removed (%s): the next build removes it, unless it is live", name, kind)
