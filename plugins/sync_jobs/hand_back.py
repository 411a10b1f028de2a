"""Makes a plain index of the index behind the alias, for the service that ran before the jobs.

That service deletes and creates an index with the name of the alias, which Elasticsearch refuses while it is an alias.

    lock  ->  block writes  ->  remove the alias  ->  clone under its name, without the block  ->  write the last edits
    ->  unblock the index that was cloned

Two names cannot be exchanged for an index in one request, so for a moment neither exists: readers get an error, and a
write of the application creates an index of that name. Such an index is removed again. What was edited meanwhile is
found in PostgreSQL and written, as after a build.

The block is also the mark of an unfinished hand-back: it comes first and goes last. If the process is killed, the next
call finds the index by that mark and goes on. Nobody knows the edits since the first call began, so the next call
compares all documents with PostgreSQL.
"""

import logging
import time
from dataclasses import dataclass
from datetime import date
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, BadRequestError, Elasticsearch

from sync_jobs.error_translation import errors_translated_with_state
from sync_jobs.errors import IndexNotAsExpected, SyncJobError, TransientError
from sync_jobs.guard_rail import Effect, Limits, check_guard_rails
from sync_jobs.postgres.connection import take_over
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.postgres.statements import Connection
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.search import index_alias, reads
from sync_jobs.search.application_writes import last_write, remove_superseded
from sync_jobs.search.build import cover_the_swap
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.edits import Edits
from sync_jobs.search.errors import NOT_FOUND
from sync_jobs.search.index_mapping import has_mapping
from sync_jobs.search.quarantine import Quarantine
from sync_jobs.search.refresh import DocumentRefresh
from sync_jobs.search.settings import IndexSettings
from sync_jobs.search.source_comparison import differing_keys

WRITE_BLOCK = "index.blocks.write"
CLONE_TIMEOUT = "60s"
# An application that writes all the time can create the index again.
CLONE_ATTEMPTS = 20
# Elasticsearch's word for an index that exists already.
EXISTS = "resource_already_exists_exception"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class HandedBack:
    """cloned: the index that was behind the alias; it still exists. documents: of the plain index.

    seconds: how long the name did not exist. refreshed: documents written for keys that were edited meanwhile.
    """

    cloned: str
    documents: int
    seconds: float
    refreshed: int


def hand_back_index(
    definition: IndexDefinition, *, postgres: Connection, elasticsearch: Elasticsearch, settings: IndexSettings
) -> HandedBack:
    """Replace the alias by a plain index of the same name and with the same documents.

    postgres, elasticsearch: as for run_job. Finishes what an earlier call has begun if that was killed. Raises
    IndexNotAsExpected if there is no alias; AlreadyRunning during a build; GuardRail if PostgreSQL would change too
    many documents after a call that was killed; and what run_job raises. If the plain index cannot be made, the alias
    is put back.
    """
    with errors_translated_with_state("The alias was not changed.") as state:
        take_over(postgres)
        with advisory_lock(postgres, definition.lock_name):
            source = _find_source(definition, elasticsearch)
            exchange = _Exchange(definition, elasticsearch, source.name)
            with snapshot(postgres), Edits(definition, postgres) as edits:
                last, seconds = exchange.run()
                state.text = (
                    f"{definition.alias} is a plain index now. It may lack edits made during the exchange: repeat "
                    "hand-back before the other service runs, or let its next build write them."
                )
                exchange.move_other_aliases()
                last_edits = _LastEdits(definition, postgres, elasticsearch, settings, edits, last)
                refreshed = last_edits.write(source)
            exchange.let_writes()
        reads.refresh(elasticsearch, definition.alias)
        documents = reads.count(elasticsearch, definition.alias)
    return HandedBack(cloned=source.name, documents=documents, seconds=round(seconds, 2), refreshed=refreshed)


@dataclass(frozen=True)
class _Source:
    """The index to hand back. interrupted: an earlier call has blocked its writes, and was killed."""

    name: str
    interrupted: bool


def _find_source(definition: IndexDefinition, client: Elasticsearch) -> _Source:
    """The index behind the alias, or the one that a call which was killed has left without its alias."""
    alias = definition.alias
    live = index_alias.find_live(client, alias)
    if live.name and live.is_alias:
        return _Source(live.name, interrupted=_takes_no_writes(client, live.name))
    found = f"a plain index {live.name}" if live.name else "nothing"
    error = f"Expected an alias {alias}, found {found}: nothing to hand back."
    blocked = [name for name in index_alias.own_indices(client, alias) if _takes_no_writes(client, name)]
    if not blocked:
        raise IndexNotAsExpected(error)
    # For an index that a write of the application has created, Elasticsearch guesses another mapping.
    if live.name and not _is_clone(client, alias, blocked[0]) and has_mapping(client, alias, definition):
        raise IndexNotAsExpected(
            f"{error} {blocked[0]} takes no writes, as after a hand-back that was interrupted. If {alias} is not the "
            "index of the other service, delete it and repeat hand-back."
        )
    log.warning("An earlier hand-back of %s was interrupted: this one finishes it", blocked[0])
    return _Source(blocked[0], interrupted=True)


def _takes_no_writes(client: Elasticsearch, index: str) -> bool:
    found = client.indices.get_settings(index=index, name=WRITE_BLOCK, flat_settings=True).body
    return index in found and found[index]["settings"].get(WRITE_BLOCK) == "true"


def _is_clone(client: Elasticsearch, index: str, source: str) -> bool:
    """Whether an index exists, and is a clone of another one: a clone has the _meta of the build."""
    found = client.options(ignore_status=NOT_FOUND).indices.get_mapping(index=[index, source]).body
    metas = [found.get(name, {}).get("mappings", {}).get("_meta") for name in (index, source)]
    return metas[0] is not None and metas[0] == metas[1]


@dataclass(frozen=True)
class _LastEdits:
    """Writes what was edited around the exchange. last: last_write() of the index at that moment.

    postgres: inside the snapshot since which edits counts.
    """

    definition: IndexDefinition
    postgres: Connection
    client: Elasticsearch
    settings: IndexSettings
    edits: Edits
    last: int

    def write(self, source: _Source) -> int:
        """Return how many documents were made.

        If another definition has built the index, only old documents of edited keys are removed.
        """
        definition, client = self.definition, self.client
        meta = index_alias.own_indices(client, definition.alias).get(source.name, {})
        run_date = date.fromisoformat(meta["run_date"]) if "run_date" in meta else date.min
        quarantine = Quarantine(definition, self.settings.quarantine_keys)
        refresh = DocumentRefresh(definition, client, definition.alias, run_date, self.settings, quarantine)
        if meta.get("definition") == definition.version:
            made = self._bring_up_to_date(refresh) if source.interrupted else 0
            made += cover_the_swap(self.edits, refresh, self.last)
            quarantine.warn(definition.alias)
            return made
        refresh.settle()
        remove_superseded(refresh, self.last)
        log.warning(
            "Another definition (SQL or mapping) than the running one built the documents of %s, so none are written: "
            "edits that the application could not write during the exchange are missing until the next build",
            definition.alias,
        )
        return 0

    def _bring_up_to_date(self, refresh: DocumentRefresh) -> int:
        """Write all documents that differ from PostgreSQL: the edits since the call that was killed are not known."""
        alias = self.definition.alias
        keys = differing_keys(self.definition, self.postgres, self.client, alias, refresh.run_date)
        existing = reads.count(self.client, alias)
        check_guard_rails({f"index {alias}": Effect(existing=existing, changed=len(keys))}, Limits())
        return refresh.once(self.postgres, keys).made


class _Exchange:
    """The exchange of the alias for a plain index. live: the index that is, or was, behind the alias."""

    def __init__(self, definition: IndexDefinition, client: Elasticsearch, live: str) -> None:
        self.alias, self.client, self.live = definition.alias, client, live

    def run(self) -> tuple[int, float]:
        """Returns last_write() of the plain index, and how many seconds its name was missing in this call."""
        client, live = self.client, self.live
        properties = self._aliases().get(self.alias)
        if properties:
            log.warning("The alias %s has a filter or a routing, which a plain index cannot have", self.alias)
        try:
            client.indices.put_settings(index=live, settings={WRITE_BLOCK: True})
            last = last_write(client, live)
            if properties is not None:
                client.indices.update_aliases(actions=[{"remove": {"index": live, "alias": self.alias}}])
            started = time.monotonic()
            self._clone()
            seconds = time.monotonic() - started
        except BaseException:
            self._put_back(properties or {})
            raise
        return last, seconds

    def move_other_aliases(self) -> None:
        """Other aliases of the live index go to the plain one."""
        actions: list[dict[str, Any]] = []
        for name, properties in self._aliases().items():
            actions.append({"remove": {"index": self.live, "alias": name}})
            actions.append({"add": {"index": self.alias, "alias": name} | properties})
        if actions:
            self.client.indices.update_aliases(actions=actions)

    def let_writes(self) -> None:
        """Remove the block from the index that was cloned, which is the last step."""
        self.client.indices.put_settings(index=self.live, settings={WRITE_BLOCK: None})

    def _aliases(self) -> dict[str, dict[str, Any]]:
        return dict(self.client.indices.get_alias(index=self.live)[self.live]["aliases"])

    def _clone(self) -> None:
        """Clone the live index under the name of the alias. An index that a write of the application made goes."""
        for _ in range(CLONE_ATTEMPTS):
            if _is_clone(self.client, self.alias, self.live):
                return self._wait_for_clone()
            try:
                answer = self.client.options(max_retries=0).indices.clone(
                    index=self.live,
                    target=self.alias,
                    settings={WRITE_BLOCK: None},
                    wait_for_active_shards=1,
                    timeout=CLONE_TIMEOUT,
                )
            except BadRequestError as error:
                if error.error != EXISTS:
                    raise
                self._remove_plain_index()
                continue
            if answer["shards_acknowledged"]:
                return None
            raise self._not_cloned()
        raise TransientError(f"The application created {self.alias} again and again, before {self.live} was cloned")

    def _wait_for_clone(self) -> None:
        """Until the clone of a call that was killed has its shards."""
        client = self.client.options(ignore_status=408)
        health = client.cluster.health(index=self.alias, wait_for_status="yellow", timeout=CLONE_TIMEOUT)
        if health["timed_out"]:
            raise self._not_cloned()

    def _not_cloned(self) -> TransientError:
        return TransientError(f"Elasticsearch has not cloned {self.live} into {self.alias} within {CLONE_TIMEOUT}")

    def _remove_plain_index(self) -> None:
        self.client.options(ignore_status=NOT_FOUND).indices.delete(index=self.alias)

    def _put_back(self, properties: dict[str, Any]) -> None:
        """The alias, if it was removed, and writes."""
        try:
            if not index_alias.find_live(self.client, self.alias).is_alias:
                remove = [{"remove_index": {"index": self.alias}}] if self._is_there() else []
                add = {"add": {"index": self.live, "alias": self.alias} | properties}
                self.client.indices.update_aliases(actions=[*remove, add])
            self.let_writes()
        except (ApiError, TransportError, SyncJobError) as error:
            log.error(
                "The alias %s could not be put back (%s). Repeat hand-back, or add the alias (PUT /%s/_alias/%s) and "
                "let the index take writes (PUT /%s/_settings with index.blocks.write null)",
                self.alias,
                type(error).__name__,
                self.live,
                self.alias,
                self.live,
            )

    def _is_there(self) -> bool:
        return bool(self.client.indices.exists(index=self.alias))
