"""Builds an index beside the live one and puts it behind the alias.

    lock  ->  remove orphans  ->  create  ->  load, under one snapshot  ->  verify  ->  catch up with edits
          ->  compare with the live index, guard rail  ->  promote  ->  catch up with the last edits  ->  remove older

PostgreSQL makes the finished lines of every document; this module only passes them on. If anything fails before the
swap, the new index is removed and the live one stays in use. After the swap, readers use the new one.
"""

import heapq
import logging
from array import array
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import chain, islice
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from sync_jobs.code_version import code_version
from sync_jobs.error_translation import errors_translated_with_state
from sync_jobs.errors import IndexNotAsExpected, State, SyncJobError
from sync_jobs.guard_rail import Effect, check_guard_rails
from sync_jobs.job_run import JobRun
from sync_jobs.postgres.background import in_background
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.postgres.statements import Connection, execute, one_row
from sync_jobs.postgres.transactions import export_snapshot, snapshot
from sync_jobs.report import Outcome
from sync_jobs.search import bulk, index_alias, live_comparison, operator_settings, reads
from sync_jobs.search.application_writes import keys_written_since, last_write
from sync_jobs.search.build_progress import BackgroundRefresh, Phases, Progress
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.document_stream import document_lines
from sync_jobs.search.edits import Edits
from sync_jobs.search.field_guard_rail import count_values, effects_on_values, fields_of_one_value
from sync_jobs.search.old_documents import carry_over_documents
from sync_jobs.search.plain_index import plain_index_kept
from sync_jobs.search.quarantine import Quarantine
from sync_jobs.search.refresh import DocumentRefresh, Refreshed
from sync_jobs.search.verification import (
    Totals,
    count_exported,
    plain_documents,
    sample_of_keys,
    verify_documents,
    verify_totals,
)

# A load has at most this many background refreshes, each after an equal share of the expected documents.
REFRESH_FRACTION = 5

log = logging.getLogger(__name__)


def build_index(definition: IndexDefinition, run: JobRun) -> Outcome:
    """Build a new index beside the live one, verify it, and put it behind the alias; a dry run removes it again."""
    client, alias = run.elasticsearch, definition.alias
    with (
        errors_translated_with_state("The live index was not touched.") as state,
        advisory_lock(run.postgres, definition.lock_name),
    ):
        orphans = index_alias.remove_orphans(client, alias)
        name = index_alias.new_index_name(alias, _clock(run.postgres))
        try:
            quarantine = Quarantine(definition, run.settings.quarantine_keys)
            outcome = _Build(definition, run, name, state, quarantine).build()
        except BaseException:
            _discard_quietly(client, alias, name)
            raise
        if run.dry_run:
            index_alias.discard(client, alias, name)
            removed = [name]
        else:
            state.text = f"The new index {name} is live and up to date; the next build removes older ones."
            removed = index_alias.prune(client, alias, run.settings.retained_indices)
        live = index_alias.find_live(client, alias).name
        if live != name and not run.dry_run:
            state.text = ""
            raise IndexNotAsExpected(
                f"Expected {name} behind alias {alias}, where its build had put it, found {live or 'nothing'}. "
                "Somebody moved the alias or removed the index: find out who, then run the job again."
            )
    indices = {"live": [live] if live else [], "removed": orphans + removed}
    return replace(outcome, indices=indices)


@dataclass(frozen=True)
class _Loaded:
    """documents: the number sent. outdated: keys for which the live index has other documents.

    live_values: what count_values() found in the live index.
    """

    documents: int
    outdated: "array[int]"
    live_values: dict[str, int]


@dataclass(frozen=True)
class _Build:
    """One build. name: of the new index. state: replaced once the new index is live."""

    definition: IndexDefinition
    run: JobRun
    name: str
    state: State
    quarantine: Quarantine

    @property
    def client(self) -> Elasticsearch:
        return self.run.elasticsearch

    def build(self) -> Outcome:
        """Create the index, load, verify and update it, and promote it. Readers see no change before the promotion.

        One snapshot stays open from the first row to the last edit: it shows what has been edited since then.
        """
        definition, client, name, run = self.definition, self.client, self.name, self.run
        live = index_alias.find_live(client, definition.alias).name
        if live:
            live_comparison.refuse_incomparable(definition, client, live)
        phases = Phases(run.phase_hook)
        with snapshot(run.postgres), Edits(definition, run.postgres) as edits:
            loaded = self._load(live, phases)
            wanted = self._verify(live, loaded.documents, edits.later, phases)
            with phases.of("catch up"):
                refresh = DocumentRefresh(definition, client, name, run.run_date, run.settings, self.quarantine)
                caught_up = _catch_up(edits, refresh)
                _verify_count(client, name, wanted.documents + caught_up.made - caught_up.removed)
            with phases.of("compare"):
                keys = heapq.merge(loaded.outdated, sorted(caught_up.keys), self.quarantine.keys)
                difference = live_comparison.compare(definition, client, live, name, keys)
                headroom = self._check_guard_rails(live, difference, loaded.live_values)
            refreshed = caught_up.made
            warnings: list[str] = []
            if not run.dry_run:
                with phases.of("promote"), plain_index_kept(definition, client, name, run.settings):
                    warnings += operator_settings.carry_over(definition, client, live, name)
                    last = last_write(client, name)
                    warnings += index_alias.promote(client, definition.alias, name)
                self.state.text = (
                    f"The new index {name} is live. It may lack only edits made around the swap. The next build, or a "
                    "retry of this one, brings it up to date."
                )
                with phases.of("cover the swap"):
                    index_alias.mark_finished(client, definition.alias, name)
                    refreshed += cover_the_swap(edits, refresh, last)
                    index_alias.record_left_out(client, definition.alias, name, self.quarantine)
        self.quarantine.warn(name)
        return Outcome(
            read=difference.unchanged + difference.changed + difference.added,
            refreshed=refreshed,
            phases=phases.seconds,
            headroom=headroom,
            warning=" ".join(warnings),
            **self.quarantine.counted(),
            **asdict(difference),
        )

    def _load(self, live: str | None, phases: Phases) -> _Loaded:
        """Create the index and fill it from the snapshot.

        PostgreSQL needs a while for the first document. Meanwhile, Elasticsearch creates the index.
        """
        run = self.run
        meta = self._meta()
        execute(run.postgres, "session/planner_in_key_order", {"parallel_workers": run.settings.parallel_workers})
        # The lines are closed after an error too: with an unfinished COPY the connection cannot end its transaction.
        with phases.of("load"), closing(document_lines(self.definition, run.postgres, run.run_date)) as lines:
            with in_background(run.postgres, _first_of, lines) as first_lines:
                live_values = self._prepare(live, meta)
                first = first_lines.result()
            documents, outdated = self._send(live, chain(first, lines), meta["expected_documents"])
            index_alias.refuse_if_removed(self.client, self.definition.alias, self.name)
        return _Loaded(documents, outdated, live_values)

    def _prepare(self, live: str | None, meta: dict[str, Any]) -> dict[str, int]:
        """Create the index. Return count_values() of the live one, for the guard rail; empty without a live index."""
        index_alias.create(self.client, self.name, self.definition.mapping, meta, self.run.settings)
        if live is None:
            return {}
        operator_settings.carry_over_while_loading(self.client, live, self.name)
        return count_values(self.definition, self.client, live)

    def _send(self, live: str | None, lines: Iterable[bytes], expected: int) -> tuple[int, "array[int]"]:
        """Send all documents to the new index. Return their number, and the keys whose live documents differ."""
        settings = self.run.settings
        progress = Progress(self.name, expected, settings.progress_seconds)
        every = max(settings.refresh_documents, expected // REFRESH_FRACTION)
        with (
            live_comparison.LiveDocuments(self.definition, self.client, live) as live_documents,
            BackgroundRefresh(self.client, self.name, every) as refresh,
        ):

            def on_body(body: list[bytes]) -> None:
                live_documents.compare(body)
                progress.advance(len(body))
                refresh.advance(len(body))

            sent = bulk.load(
                self.definition,
                self.client,
                self.name,
                lines,
                settings,
                on_body=on_body,
                on_refused=self.quarantine.add,
            )
            return sent, live_documents.outdated_keys()

    def _verify(self, live: str | None, documents: int, second: Connection, phases: Phases) -> Totals:
        """Make the index searchable and compare it with the snapshot. Return the totals that it has.

        The second connection counts what the index must hold. Meanwhile, Elasticsearch makes the last documents
        searchable, and the first connection makes the documents of a sample.
        """
        definition, client, name, run, quarantine = self.definition, self.client, self.name, self.run, self.quarantine
        exported = export_snapshot(run.postgres)
        with in_background(second, count_exported, definition, second, exported, run.run_date) as totals:
            with phases.of("refresh"):
                index_alias.make_searchable(client, name, run.settings)
                carried = carry_over_documents(
                    definition, client, live, name, quarantine=quarantine, settings=run.settings
                )
            with phases.of("verify"):
                keys = sample_of_keys(definition, run.postgres, name, run.settings.sample_keys)
                sampled = [key for key in keys if key not in quarantine]
                sample = plain_documents(definition, run.postgres, run.run_date, sampled)
                left_out = plain_documents(definition, run.postgres, run.run_date, quarantine.keys)
                wanted = totals.result()
                if documents != wanted.documents:
                    raise IndexNotAsExpected(
                        f"{name}: PostgreSQL counts {wanted.documents} documents, but made {documents}."
                    )
                wanted = wanted.exchanged(chain.from_iterable(left_out.values()), carried)
                verify_totals(
                    definition,
                    run.postgres,
                    client,
                    name,
                    wanted=wanted,
                    run_date=run.run_date,
                    left_out=quarantine.keys,
                )
                verify_documents(definition, client, name, sample)
        index_alias.add_meta(client, definition.alias, name, asdict(wanted))
        return wanted

    def _check_guard_rails(
        self, live: str | None, difference: live_comparison.DocumentDifference, live_values: dict[str, int]
    ) -> dict[str, float]:
        """Raise GuardRail if the new index differs too much from the live one. Return the headroom of the limits.

        A new definition may change every document, so changes are limited only if the same one built both indices.
        """
        definition, client, alias = self.definition, self.client, self.definition.alias
        changed, same = difference.changed, set[str]()
        if live and index_alias.definition_of(client, alias, live) != definition.version:
            log.info("%s was built by another definition: changed documents are not limited", live)
            changed = 0
        elif live and changed:
            same = fields_of_one_value(definition, client, self.name)
            same -= fields_of_one_value(definition, client, live) if same else set()
        documents = Effect(
            existing=difference.unchanged + difference.changed + difference.removed,
            lost=difference.removed,
            added=difference.added,
            changed=changed,
        )
        values = effects_on_values(alias, live_values, count_values(definition, client, self.name), same)
        return check_guard_rails({f"index {alias}": documents, **values}, self.run.limits)

    def _meta(self) -> dict[str, Any]:
        """The _meta of the index: how and from what it was built. The totals are added once they are counted."""
        run = self.run
        source_snapshot, source_timeline, postgres_version = one_row(run.postgres, "session/source_snapshot")
        nodes = self.client.cluster.stats(filter_path="nodes.versions")["nodes"]["versions"]
        return {
            "alias": self.definition.alias,
            "run_id": run.run_id,
            "run_date": run.run_date.isoformat(),
            "definition": self.definition.version,
            "code": code_version(),
            "source_snapshot": source_snapshot,
            "source_timeline": source_timeline,
            "expected_documents": one_row(run.postgres, self.definition.query("expected_count"))[0],
            "versions": {"postgresql": postgres_version, "elasticsearch": nodes},
        }


def _first_of(lines: Iterator[bytes]) -> list[bytes]:
    return list(islice(lines, 1))


def _catch_up(edits: Edits, refresh: DocumentRefresh) -> Refreshed:
    """Before the swap: refresh the keys edited since the snapshot, in rounds, until few are left."""
    total = Refreshed()
    settings = refresh.settings
    for _ in range(settings.catch_up_rounds):
        with edits.later_snapshot():
            keys = edits.edited_keys()
            refreshed = refresh.once(edits.later, keys)
            sampled = refreshed.keys[: settings.sample_keys]
            sample = plain_documents(refresh.definition, edits.later, refresh.run_date, sampled)
            verify_documents(refresh.definition, refresh.client, refresh.index, sample)
        total.keys.extend(refreshed.keys)
        total.made += refreshed.made
        total.removed += refreshed.removed
        entity = refresh.definition.entity
        log.info("%s: %d %ss edited meanwhile, %d written", refresh.index, len(keys), entity, len(refreshed.keys))
        if len(refreshed.keys) <= settings.catch_up_keys:
            break
    return total


def cover_the_swap(edits: Edits, refresh: DocumentRefresh, last: int) -> int:
    """After the swap: write the last edits that were committed before it. Return how many documents were made.

    last: last_write() of the index just before the swap.

    Checks once immediately, because readers already see the index. Checks once more when the application's writes that
    began before the swap have ended: such a write may have searched the previous index for the documents to replace,
    and written the new ones to this index. The edit itself may be older than the snapshot.
    """
    made = _write_changes(edits, refresh, last)
    refresh.settle()
    return made + _write_changes(edits, refresh, last)


def _write_changes(edits: Edits, refresh: DocumentRefresh, last: int) -> int:
    with edits.later_snapshot():
        edited = edits.edited_keys()
    written = keys_written_since(refresh.definition, refresh.client, refresh.index, last)
    return refresh.until_settled(edits.later, sorted({*edited, *written}))


def _verify_count(client: Elasticsearch, name: str, wanted: int) -> None:
    found = reads.count(client, name)
    if found != wanted:
        raise IndexNotAsExpected(f"{name}: expected {wanted} documents after catching up with edits, found {found}.")


def _clock(connection: Connection) -> datetime:
    """The start of a build, by the clock of PostgreSQL: all hosts share it, so the order of builds is certain."""
    started: datetime = one_row(connection, "session/clock")[0]
    return started


def _discard_quietly(client: Elasticsearch, alias: str, name: str) -> None:
    """Remove the index of a failed build, unless it is live. If that fails, the next build removes it as an orphan."""
    try:
        index_alias.discard(client, alias, name)
    except (TransportError, ApiError, SyncJobError) as error:
        kind = type(error).__name__
        log.warning("%s could not be removed (%s): the next build removes it, unless it is live", name, kind)
