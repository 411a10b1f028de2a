"""The way back to the index of the build before, and forth again, without the loss of an edit (design.md).

The index gone back to is older than the edits of the days since. Before the swap every person who differs from
what PostgreSQL has, by the index's own run date, is written anew; after it the last edits are covered as after a build.
"""

from dataclasses import asdict, dataclass
from datetime import date

from elasticsearch import Elasticsearch

from sync_jobs.error_translation import errors_translated_with_state
from sync_jobs.guard_rail import check_guard_rail
from sync_jobs.jobs.person_index import ALIAS, cover_the_swap
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.postgres.statements import Connection
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.report import Outcome
from sync_jobs.search import index_alias
from sync_jobs.search.edits import Edits
from sync_jobs.search.field_guard_rail import check_values, count_values
from sync_jobs.search.refresh import PersonRefresh
from sync_jobs.search.settings import IndexSettings
from sync_jobs.search.source_comparison import differing_persons
from sync_jobs.search.verification import found_totals, wanted_totals


@dataclass(frozen=True)
class RolledBack:
    """run_date: the one that the index now live was built for."""

    run_date: date
    outcome: Outcome


def roll_back_person_index(
    connection: Connection,
    client: Elasticsearch,
    direction: str,
    *,
    maximum_removed_percent: float,
    dry_run: bool,
    settings: IndexSettings,
) -> RolledBack:
    """Put the finished index built before the live one ("back"), or after it ("forth"), behind the alias.

    Counts of the outcome: documents of the index gone to, and what it took to bring it up to date. A dry run
    writes nothing and swaps nothing. Raises AlreadyRunning during a build, IndexNotAsExpected if there is no such
    index, GuardRail if the index would lose too much, for instance because a source table is empty.
    """
    with (
        errors_translated_with_state("Nothing was written.") as state,
        advisory_lock(connection, index_alias.lock_name(ALIAS)),
    ):
        live = index_alias.find_live(client, ALIAS)
        name, meta = index_alias.neighbour(client, ALIAS, direction)
        run_date = date.fromisoformat(meta["run_date"])
        with snapshot(connection), Edits(connection) as edits:
            wanted, existing = wanted_totals(connection, run_date), found_totals(client, name)
            for what, old in asdict(existing).items():
                new = getattr(wanted, what)
                check_guard_rail(f"{what} in index {name}", old - new, old, maximum_removed_percent)
            values = count_values(client, name)
            persons = differing_persons(connection, client, name, run_date)
            refresh = PersonRefresh(client, name, run_date, settings)
            if not dry_run:
                state.text = f"Of {name} some persons may have been made anew; {live.name} is live, as before."
            refreshed = refresh.once(connection, persons, dry_run=dry_run)
            made = refreshed.made
            if not dry_run:
                state.text = f"{name} was made as PostgreSQL is now; {live.name} is live, as before."
                check_values(name, values, count_values(client, name), maximum_removed_percent)
                index_alias.switch(client, ALIAS, live, name)
                state.text = (
                    f"{name} is live and serves; only what was edited around the swap may be missing in it, until the "
                    f"next build. Do not repeat this: it would go on to the index beyond."
                )
                made += cover_the_swap(edits, refresh)
    before, after = live.name or "", name
    if dry_run:
        before, after = after, before
    outcome = Outcome(
        read=wanted.documents,
        added=refreshed.made - refreshed.replaced,
        changed=refreshed.replaced,
        removed=refreshed.removed - refreshed.replaced,
        unchanged=existing.documents - refreshed.removed,
        refreshed=0 if dry_run else made,
        indices={
            "live": [live.name or ""] if dry_run else [name],
            "previous": [name] if dry_run else [live.name or ""],
        },
    )
    return RolledBack(run_date, outcome)
