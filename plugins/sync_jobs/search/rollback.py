"""Puts the index of another build behind the alias, without losing an edit (docs/design.md, "No edit is lost").

The target lacks the edits of the days since it was built. Before the swap, every key whose documents differ from
PostgreSQL, for the run date of the target, is written again. After it, the last edits are written as after a build.
"""

from dataclasses import dataclass
from datetime import date

from elasticsearch import Elasticsearch

from sync_jobs.error_translation import errors_translated_with_state
from sync_jobs.guard_rail import Effect, Limits, check_guard_rails
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.postgres.statements import Connection
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.report import Outcome
from sync_jobs.search import index_alias, operator_settings
from sync_jobs.search.application_writes import last_write
from sync_jobs.search.build import cover_the_swap
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.edits import Edits
from sync_jobs.search.field_guard_rail import count_values, effects_on_values
from sync_jobs.search.quarantine import Quarantine
from sync_jobs.search.refresh import DocumentRefresh, Refreshed
from sync_jobs.search.settings import IndexSettings
from sync_jobs.search.source_comparison import differing_keys
from sync_jobs.search.verification import Totals, found_totals, wanted_totals


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
    limits: Limits,
    dry_run: bool,
    settings: IndexSettings,
) -> RolledBack:
    """Put the finished index built before the live one ("back"), or after it ("forth"), behind the alias.

    Counts of the outcome: documents of the target, and what it took to bring it up to date. A dry run writes nothing
    and does not move the alias. Raises AlreadyRunning during a build, IndexNotAsExpected if there is no such index,
    GuardRail if too much of the target would be removed, added or changed, for example because a source table is
    empty.
    """
    alias = definition.alias
    with (
        errors_translated_with_state("Nothing was written.") as state,
        advisory_lock(connection, definition.lock_name),
    ):
        live = index_alias.find_live(client, alias)
        target, meta = index_alias.neighbour(client, alias, direction)
        run_date = date.fromisoformat(meta["run_date"])
        with snapshot(connection), Edits(definition, connection) as edits:
            existing = found_totals(definition, client, target)
            wanted = wanted_totals(definition, connection, run_date)
            _check_totals(target, existing, wanted, limits)
            values = count_values(definition, client, target)
            keys = differing_keys(definition, connection, client, target, run_date)
            rewritten = Effect(existing=existing.documents, changed=len(keys))
            check_guard_rails({f"index {target}": rewritten}, limits)
            quarantine = Quarantine(definition, settings.quarantine_persons)
            refresh = DocumentRefresh(definition, client, target, run_date, settings, quarantine)
            if not dry_run:
                state.text = (
                    f"Some documents of {target} may have been replaced; {live.name} is still live, and unchanged."
                )
                if live.name:
                    operator_settings.carry_over(client, live.name, target)
            refreshed = refresh.once(connection, keys, dry_run=dry_run)
            made = refreshed.made
            if not dry_run:
                state.text = f"{target} was brought up to date; {live.name} is still live, and unchanged."
                check_guard_rails(effects_on_values(target, values, count_values(definition, client, target)), limits)
                last = last_write(client, target)
                index_alias.switch(client, alias, live, target)
                state.text = (
                    f"{target} is live and serves; until the next build, it may only lack what was edited around the "
                    f"swap. Do not repeat the rollback: it would go on to the next index."
                )
                made += cover_the_swap(edits, refresh, last)
                index_alias.record_left_out(client, alias, target, quarantine)
                quarantine.warn(target)
    indices = {"live": [live.name or ""], "previous": [target]}
    if not dry_run:
        indices = {"live": [target], "previous": [live.name or ""]}
    made = 0 if dry_run else made
    outcome = _outcome(existing, wanted, refreshed, made, indices=indices, quarantine=quarantine)
    return RolledBack(run_date, outcome)


def _check_totals(target: str, existing: Totals, wanted: Totals, limits: Limits) -> None:
    check_guard_rails(effects_on_values(target, existing.by_name(), wanted.by_name()), limits)


def _outcome(
    existing: Totals,
    wanted: Totals,
    refreshed: Refreshed,
    made: int,
    *,
    indices: dict[str, list[str]],
    quarantine: Quarantine,
) -> Outcome:
    return Outcome(
        read=wanted.documents,
        added=refreshed.made - refreshed.replaced,
        changed=refreshed.replaced,
        removed=refreshed.removed - refreshed.replaced,
        unchanged=existing.documents - refreshed.removed,
        refreshed=made,
        indices=indices,
        left_out=len(quarantine.keys),
        left_out_records=quarantine.records(),
    )
