"""Puts the index of another build behind the alias (docs/design.md, "Rollback").

The target lacks the edits of the days since it was built. If the running definition built it, every key whose documents
differ from PostgreSQL, for the run date of the target, is written again before the swap, and the last edits after it.
If another definition built it, the running one may be the reason for the rollback: then the documents stay as built,
or, if the operator wants that, only keys edited since are written.
"""

import logging
from array import array
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from elasticsearch import Elasticsearch

from sync_jobs.error_translation import errors_translated_with_state
from sync_jobs.errors import BadArgument, IndexNotAsExpected, State
from sync_jobs.guard_rail import Effect, Limits, check_guard_rails
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.postgres.statements import Connection
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.report import Outcome
from sync_jobs.search import index_alias, live_comparison, operator_settings, reads
from sync_jobs.search.application_writes import last_write, remove_superseded
from sync_jobs.search.build import cover_the_swap
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.edits import Edits
from sync_jobs.search.edits_since_build import EditsUnknown, edited_since_build
from sync_jobs.search.field_guard_rail import count_values, effects_on_values
from sync_jobs.search.quarantine import Quarantine
from sync_jobs.search.refresh import DocumentRefresh, Refreshed
from sync_jobs.search.settings import IndexSettings
from sync_jobs.search.source_comparison import differing_keys, keys_without_source
from sync_jobs.search.verification import Totals, found_totals, wanted_totals

# What to do with the documents of a target that another definition built.
OtherDefinition = Literal["as_built", "edited"]
OTHER_DEFINITION: tuple[OtherDefinition, ...] = ("as_built", "edited")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RolledBack:
    """run_date: the run date of the target index."""

    run_date: date
    outcome: Outcome


def roll_back_index(
    definition: IndexDefinition,
    connection: Connection,
    client: Elasticsearch,
    direction: str,
    *,
    documents: str,
    limits: Limits,
    dry_run: bool,
    settings: IndexSettings,
) -> RolledBack:
    """Put the finished index built before the live one ("back"), or after it ("forward"), behind the alias.

    documents: one of OTHER_DEFINITION. Counts of the outcome: documents of the target, and what it took to bring it up
    to date. A dry run writes nothing and does not move the alias. Raises AlreadyRunning during a build,
    IndexNotAsExpected if there is no such index, GuardRail if too much of the target would be removed, added or
    changed, for example because a source table is empty.
    """
    if documents not in OTHER_DEFINITION:
        raise BadArgument(f"documents: expected {' or '.join(OTHER_DEFINITION)}, got {documents!r}")
    with (
        errors_translated_with_state("Nothing was written.") as state,
        advisory_lock(connection, definition.lock_name),
    ):
        live = index_alias.find_live(client, definition.alias)
        target, meta = index_alias.rollback_target(client, definition.alias, direction)
        refresh = DocumentRefresh(
            definition,
            client,
            target,
            date.fromisoformat(meta["run_date"]),
            settings,
            Quarantine(definition, settings.quarantine_keys),
        )
        rollback = _Rollback(connection, refresh, meta, live, limits, dry_run, state)
        with snapshot(connection), Edits(definition, connection) as edits:
            return RolledBack(refresh.run_date, rollback.roll_back(edits, documents))


@dataclass(frozen=True)
class _Plan:
    """keys: those to compare with PostgreSQL and to rewrite if they differ; None if nothing is rewritten.

    existing: how many documents the target has. wanted: how many PostgreSQL has for it; None if that is not compared.
    warning: for the report.
    """

    keys: "array[int] | None"
    existing: int
    wanted: int | None = None
    warning: str = ""


@dataclass(frozen=True)
class _Rollback:
    """One rollback. refresh: of the target. meta: of the target. state: replaced as the work proceeds."""

    connection: Connection
    refresh: DocumentRefresh
    meta: dict[str, Any]
    live: index_alias.Live
    limits: Limits
    dry_run: bool
    state: State

    def roll_back(self, edits: Edits, documents: str) -> Outcome:
        plan = self._plan(documents)
        if plan.warning:
            log.warning("%s", plan.warning)
        keys = plan.keys
        if self.dry_run:
            return self._outcome(plan, self._foresee(keys) if keys is not None else Refreshed())
        warnings = self._carry_over()
        refreshed = self._bring_up_to_date(keys) if keys is not None else Refreshed()
        made = refreshed.made + self._swap(edits, warnings, is_rewritten=keys is not None)
        refresh, quarantine = self.refresh, self.refresh.quarantine
        index_alias.record_left_out(refresh.client, refresh.definition.alias, refresh.index, quarantine)
        quarantine.warn(refresh.index)
        return replace(
            self._outcome(plan, refreshed),
            warning=" ".join(filter(None, (plan.warning, *warnings))),
            refreshed=made,
            indices={"live": [refresh.index], "previous": [self.live.name or ""]},
            **quarantine.counted(),
        )

    def _plan(self, documents: str) -> _Plan:
        refresh = self.refresh
        reads.refresh(refresh.client, refresh.index)
        if self.meta.get("definition") == refresh.definition.version:
            return self._plan_in_full()
        return self._plan_edited() if documents == "edited" else self._plan_as_built()

    def _plan_in_full(self) -> _Plan:
        refresh = self.refresh
        existing = found_totals(refresh.definition, refresh.client, refresh.index)
        wanted = wanted_totals(refresh.definition, self.connection, refresh.run_date)
        _check_totals(refresh.index, existing, wanted, self.limits)
        keys = differing_keys(refresh.definition, self.connection, refresh.client, refresh.index, refresh.run_date)
        rewritten = Effect(existing=existing.documents, changed=len(keys))
        check_guard_rails({f"index {refresh.index}": rewritten}, self.limits)
        return _Plan(keys, existing.documents, wanted.documents)

    def _plan_as_built(self) -> _Plan:
        definition = self.refresh.definition
        try:
            edited = definition.counted(len(edited_since_build(definition, self.connection, self.meta)))
            known = f"Edited since: {edited}."
        except EditsUnknown as error:
            known = str(error)
        return _Plan(
            None,
            self._intact(),
            warning=f"{self._built_by()} Its documents stay as built: until the next build, search shows old values of "
            f"what was edited since then, and what was removed since then. {known}",
        )

    def _plan_edited(self) -> _Plan:
        refresh = self.refresh
        definition, target = refresh.definition, refresh.index
        existing = self._intact()
        if not live_comparison.has_comparable_key(definition, refresh.client, target):
            raise IndexNotAsExpected(
                f"{target} has no field {definition.key_field} of type {live_comparison.KEY_TYPE}, so documents in it "
                "cannot be found by their key. Roll back with documents = as_built."
            )
        try:
            edited = edited_since_build(definition, self.connection, self.meta)
        except EditsUnknown as error:
            raise IndexNotAsExpected(f"{target}: {error} Roll back with documents = as_built.") from None
        gone = keys_without_source(definition, self.connection, refresh.client, target)
        keys = array("q", sorted({*edited, *gone}))
        rewritten = len({*refresh.once(self.connection, keys, dry_run=True).keys} - {*gone})
        effect = Effect(existing=existing, lost=len(gone), changed=rewritten)
        check_guard_rails({f"documents in index {target}": effect}, self.limits)
        entity = definition.entity
        warning = (
            f"{self._built_by()} Only documents of {entity}s edited since its build ({len(edited)}), or no longer in "
            f"PostgreSQL ({len(gone)}), are compared with PostgreSQL and written by the running definition. All others "
            f"stay as built: what was only removed from a {entity}, such as a link, still shows until the next build."
        )
        return _Plan(keys, existing, warning=warning)

    def _built_by(self) -> str:
        if "definition" in self.meta:
            return f"{self.refresh.index} was built by another definition (SQL or mapping) than the running one."
        return f"It is not known which definition (SQL and mapping) built {self.refresh.index}."

    def _intact(self) -> int:
        """How many documents the target has. Raises GuardRail if too many have been lost since it was built."""
        target = self.refresh.index
        existing = reads.count(self.refresh.client, target)
        built = self.meta["documents"]
        effect = Effect(existing=built, lost=max(0, built - existing))
        check_guard_rails({f"index {target}": effect}, self.limits, loss="put an index behind the alias that has lost")
        return existing

    def _foresee(self, keys: "array[int]") -> Refreshed:
        """What _bring_up_to_date() would write. Raises GuardRail where it would."""
        refresh = self.refresh
        values = count_values(refresh.definition, refresh.client, refresh.index)
        refreshed = refresh.once(self.connection, keys, dry_run=True)
        after = {field: count - refreshed.lost[field] for field, count in values.items()}
        check_guard_rails(effects_on_values(refresh.index, values, after), self.limits)
        return refreshed

    def _carry_over(self) -> list[str]:
        """Before documents are written: an operator may have raised a limit that some of them need."""
        target, live = self.refresh.index, self.live.name
        self.state.text = f"Settings of {target} may have been changed; {live} is still live, and unchanged."
        return operator_settings.carry_over(self.refresh.definition, self.refresh.client, live, target)

    def _bring_up_to_date(self, keys: "array[int]") -> Refreshed:
        """Rewrite the documents of these keys that differ, and check what that has taken from single fields."""
        refresh, target, live = self.refresh, self.refresh.index, self.live.name
        values = count_values(refresh.definition, refresh.client, target)
        self.state.text = f"Some documents of {target} may have been replaced; {live} is still live, and unchanged."
        refreshed = refresh.once(self.connection, keys)
        self.state.text = f"{target} was brought up to date; {live} is still live, and unchanged."
        after = count_values(refresh.definition, refresh.client, target)
        check_guard_rails(effects_on_values(target, values, after), self.limits)
        return refreshed

    def _swap(self, edits: Edits, warnings: list[str], *, is_rewritten: bool) -> int:
        """Move the alias, and cover what was edited around that moment. Return how many documents were made.

        warnings: gets those of the swap.
        """
        refresh, target = self.refresh, self.refresh.index
        last = last_write(refresh.client, target)
        warnings += index_alias.swap(refresh.client, refresh.definition.alias, self.live, target)
        lacks = "it may lack only edits made around the swap" if is_rewritten else "its documents stay as built"
        self.state.text = (
            f"{target} is live. Until the next build, {lacks}. "
            "Do not repeat the rollback: it would go one index further."
        )
        if is_rewritten:
            return cover_the_swap(edits, refresh, last)
        refresh.settle()
        remove_superseded(refresh, last)
        return 0

    def _outcome(self, plan: _Plan, refreshed: Refreshed) -> Outcome:
        """The outcome with the values of a dry run. A document that was not compared does not count as unchanged."""
        is_compared = plan.wanted is not None
        after = plan.existing - refreshed.removed + refreshed.made
        return Outcome(
            read=after if plan.wanted is None else plan.wanted,
            added=refreshed.made - refreshed.replaced,
            changed=refreshed.replaced,
            removed=refreshed.removed - refreshed.replaced,
            unchanged=plan.existing - refreshed.removed if is_compared else 0,
            indices={"live": [self.live.name or ""], "previous": [self.refresh.index]},
            warning=plan.warning,
        )


def _check_totals(target: str, existing: Totals, wanted: Totals, limits: Limits) -> None:
    check_guard_rails(effects_on_values(target, existing.by_name(), wanted.by_name()), limits)
