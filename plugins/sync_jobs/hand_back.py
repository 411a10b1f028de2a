"""Makes a plain index of the index behind the alias, for the service that ran before the jobs.

That service deletes and creates an index with the name of the alias, which Elasticsearch refuses while it is an alias.

    lock  ->  block writes  ->  remove the alias  ->  clone under its name, without the block  ->  write the last edits

Two names cannot be exchanged for an index in one request, so for a moment neither exists: readers get an error, and a
write of the application creates an index of that name. Such an index is removed again. What was edited meanwhile is
found in PostgreSQL and written, as after a build.
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
from sync_jobs.search.quarantine import Quarantine
from sync_jobs.search.refresh import DocumentRefresh
from sync_jobs.search.settings import IndexSettings

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

    postgres, elasticsearch: as for run_job. Raises IndexNotAsExpected if there is no alias; AlreadyRunning during a
    build; and what run_job raises. If the plain index cannot be made, the alias is put back.
    """
    with errors_translated_with_state("The alias was not changed.") as state:
        take_over(postgres)
        with advisory_lock(postgres, definition.lock_name):
            live = index_alias.find_live(elasticsearch, definition.alias)
            if live.name is None or not live.is_alias:
                found = f"a plain index {live.name}" if live.name else "nothing"
                raise IndexNotAsExpected(f"Expected an alias {definition.alias}, found {found}: nothing to hand back.")
            with snapshot(postgres), Edits(definition, postgres) as edits:
                last, seconds = _Exchange(definition, elasticsearch, live.name).run()
                state.text = (
                    f"{definition.alias} is a plain index now. It may lack edits made during the exchange; the next "
                    "build of the other service has them."
                )
                meta = index_alias.own_indices(elasticsearch, definition.alias).get(live.name, {})
                refreshed = _write_last_edits(definition, elasticsearch, meta, settings, _Since(edits, last))
        reads.refresh(elasticsearch, definition.alias)
        documents = reads.count(elasticsearch, definition.alias)
    return HandedBack(cloned=live.name, documents=documents, seconds=round(seconds, 2), refreshed=refreshed)


@dataclass(frozen=True)
class _Since:
    """What has happened since the exchange began. last: last_write() of the index at that moment."""

    edits: Edits
    last: int


def _write_last_edits(
    definition: IndexDefinition, client: Elasticsearch, meta: dict[str, Any], settings: IndexSettings, since: _Since
) -> int:
    """Write what was edited around the exchange. Return how many documents that has made.

    meta: of the index that was cloned. If another definition built it, only old documents of edited keys are removed.
    """
    run_date = date.fromisoformat(meta["run_date"]) if "run_date" in meta else date.min
    quarantine = Quarantine(definition, settings.quarantine_keys)
    refresh = DocumentRefresh(definition, client, definition.alias, run_date, settings, quarantine)
    if meta.get("definition") == definition.version:
        made = cover_the_swap(since.edits, refresh, since.last)
        quarantine.warn(definition.alias)
        return made
    refresh.settle()
    remove_superseded(refresh, since.last)
    log.warning(
        "Another definition (SQL or mapping) than the running one built the documents of %s, so none are written: "
        "edits that the application could not write during the exchange are missing until the next build",
        definition.alias,
    )
    return 0


class _Exchange:
    """The exchange of the alias for a plain index. live: the index behind the alias."""

    def __init__(self, definition: IndexDefinition, client: Elasticsearch, live: str) -> None:
        self.alias, self.client, self.live = definition.alias, client, live

    def run(self) -> tuple[int, float]:
        """Returns last_write() of the plain index, and how many seconds its name was missing."""
        client, live = self.client, self.live
        aliases: dict[str, dict[str, Any]] = dict(client.indices.get_alias(index=live)[live]["aliases"])
        if aliases[self.alias]:
            log.warning("The alias %s has a filter or a routing, which a plain index cannot have", self.alias)
        try:
            client.indices.put_settings(index=live, settings={WRITE_BLOCK: True})
            last = last_write(client, live)
            client.indices.update_aliases(actions=[{"remove": {"index": live, "alias": self.alias}}])
            started = time.monotonic()
            self._clone()
            seconds = time.monotonic() - started
        except BaseException:
            self._put_back(aliases[self.alias])
            raise
        client.indices.put_settings(index=live, settings={WRITE_BLOCK: None})
        self._move({name: properties for name, properties in aliases.items() if name != self.alias})
        return last, seconds

    def _clone(self) -> None:
        """Clone the live index under the name of the alias. An index that a write of the application made goes."""
        for _ in range(CLONE_ATTEMPTS):
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
                return
            raise TransientError(f"Elasticsearch has not made {self.alias} of {self.live} within {CLONE_TIMEOUT}")
        raise TransientError(f"The application created {self.alias} again and again, before {self.live} was cloned")

    def _remove_plain_index(self) -> None:
        self.client.options(ignore_status=NOT_FOUND).indices.delete(index=self.alias)

    def _put_back(self, properties: dict[str, Any]) -> None:
        """The alias, if it was removed, and writes."""
        try:
            if not index_alias.find_live(self.client, self.alias).is_alias:
                remove = [{"remove_index": {"index": self.alias}}] if self._is_there() else []
                add = {"add": {"index": self.live, "alias": self.alias} | properties}
                self.client.indices.update_aliases(actions=[*remove, add])
            self.client.indices.put_settings(index=self.live, settings={WRITE_BLOCK: None})
        except (ApiError, TransportError, SyncJobError) as error:
            log.error(
                "The alias %s could not be put back (%s). Add it (PUT /%s/_alias/%s) and let the index take writes "
                "(PUT /%s/_settings with index.blocks.write null)",
                self.alias,
                type(error).__name__,
                self.live,
                self.alias,
                self.live,
            )

    def _is_there(self) -> bool:
        return bool(self.client.indices.exists(index=self.alias))

    def _move(self, aliases: dict[str, dict[str, Any]]) -> None:
        """Other aliases of the live index go to the plain one."""
        actions: list[dict[str, Any]] = []
        for name, properties in aliases.items():
            actions.append({"remove": {"index": self.live, "alias": name}})
            actions.append({"add": {"index": self.alias, "alias": name} | properties})
        if actions:
            self.client.indices.update_aliases(actions=actions)
