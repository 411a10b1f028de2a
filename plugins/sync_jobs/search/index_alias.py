"""The life of an index behind an alias: create, make searchable, promote, prune.

    persons (alias)  ->  persons-20260101t012900-031337   live
                         persons-20251231t012900-…          previous ones, kept for a rollback
                         persons-20260102t012900-…          unfinished: being built, or left behind by a build that died

Readers and writers use only the alias; it has exactly one index at any moment. Whoever changes it holds the lock of
the alias (IndexDefinition.lock_name). An index belongs to an alias only if its name is exactly <alias>-<timestamp> and
its _meta names the alias: other indices are never counted, and never removed.
"""

import logging
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, NotFoundError

from sync_jobs.error_translation import errors_translated_with_state
from sync_jobs.errors import AccessRefused, BadArgument, IndexNotAsExpected, SearchBlocked, State, TransientError
from sync_jobs.search.created_index import check_created
from sync_jobs.search.errors import (
    NOT_FOUND,
    SNAPSHOT_IN_PROGRESS,
    blocked_message,
    is_from_elasticsearch,
    raise_unless_transient,
    refuse_other_server,
    removed_message,
)
from sync_jobs.search.quarantine import Quarantine
from sync_jobs.search.reads import refresh
from sync_jobs.search.settings import IndexSettings

# How often a swap is tried. Its response can get lost.
PROMOTION_ATTEMPTS = 5
PROMOTION_WAIT_SECONDS = 2.0
# How long to wait for the shards of a new index. A busy cluster takes seconds; a full one never assigns them.
CREATE_TIMEOUT = "30s"
# The decider that cluster.routing.allocation.enable, or the same setting of an index, controls.
ALLOCATION_DISABLED = "enable"

# Settings of an index while it is loaded.
LOADING_SETTINGS: dict[str, Any] = {
    "index.refresh_interval": "-1",
    "index.number_of_replicas": 0,
    "index.auto_expand_replicas": False,
}

# In the name of an index: the start of its build in UTC, to the microsecond. Under the lock, no two are equal.
_BUILT_AT = "%Y%m%dt%H%M%S-%f"
_OWN_NAME = re.compile(r"(?P<alias>.+)-(?P<built_at>\d{8}t\d{6}-\d{6})", re.ASCII)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Live:
    """What readers of the alias reach. name: of the index; None if nothing is behind the alias.

    is_alias: False if it is a plain index with the name of the alias.
    """

    name: str | None
    is_alias: bool


@dataclass(frozen=True)
class Indices:
    """live: the name of the live index. own: the indices that builds made, name -> _meta, newest first."""

    live: str | None
    own: dict[str, dict[str, Any]]

    @property
    def previous(self) -> list[str]:
        """The indices that were live before, built before or after the one that is live now; newest first."""
        return [name for name, meta in self.own.items() if name != self.live and meta.get("finished")]

    @property
    def unfinished(self) -> list[str]:
        """The indices that were never live: of a build that is running, or of one that died."""
        return [name for name, meta in self.own.items() if name != self.live and not meta.get("finished")]


def find_live(client: Elasticsearch, alias: str) -> Live:
    """What readers of the alias see now. Raises IndexNotAsExpected if it has several indices."""
    names = _indices_behind(client, alias)
    if len(names) > 1:
        raise IndexNotAsExpected(
            f"Expected exactly one index behind alias {alias}, found {', '.join(names)}. Keep the alias on the one "
            f"index that readers should see, remove it from the others (DELETE /<index>/_alias/{alias}), then run "
            "the job again."
        )
    if names:
        return Live(names[0], is_alias=True)
    return Live(alias if client.indices.exists(index=alias) else None, is_alias=False)


def _indices_behind(client: Elasticsearch, alias: str) -> list[str]:
    """The indices behind an alias; empty if there is no such alias. Raises UnsupportedServer for another server."""
    try:
        return sorted(client.indices.get_alias(name=alias))
    except NotFoundError as error:
        refuse_other_server(error)
        return []


def new_index_name(alias: str, started: datetime) -> str:
    """persons-YYYYMMDDtHHMMSS-ffffff: the start of the build, in UTC."""
    return f"{alias}-{started.astimezone(UTC).strftime(_BUILT_AT)}"


def built_at(name: str) -> datetime | None:
    """The start of the build that made an index, from its name; None if the name is not one that a build gives."""
    match = _OWN_NAME.fullmatch(name)
    if match is None:
        return None
    try:
        return datetime.strptime(match["built_at"], _BUILT_AT).replace(tzinfo=UTC)
    except ValueError:  # not a time: persons-20269999t012900-000000
        return None


def own_indices(client: Elasticsearch, alias: str) -> dict[str, dict[str, Any]]:
    """The existing indices that builds for this alias made: name -> _meta, newest first."""
    found = client.indices.get_mapping(index=f"{alias}-*", allow_no_indices=True, expand_wildcards="open,closed,hidden")
    metas = {name: found[name]["mappings"].get("_meta", {}) for name in sorted(found, reverse=True)}
    return {name: meta for name, meta in metas.items() if _belongs_to(alias, name, meta)}


def _belongs_to(alias: str, name: str, meta: dict[str, Any]) -> bool:
    match = _OWN_NAME.fullmatch(name)
    return match is not None and match["alias"] == alias and built_at(name) is not None and meta.get("alias") == alias


def definition_of(client: Elasticsearch, alias: str, name: str) -> str | None:
    """The IndexDefinition.version by which an index was built; None if no build for this alias made it."""
    version: str | None = own_indices(client, alias).get(name, {}).get("definition")
    return version


def find_indices(client: Elasticsearch, alias: str) -> Indices:
    """The indices of this alias. Raises IndexNotAsExpected if several are behind it."""
    return Indices(find_live(client, alias).name, own_indices(client, alias))


def remove_orphans(client: Elasticsearch, alias: str) -> list[str]:
    """Remove the unfinished indices of builds that died. Return their names.

    An index template may have put one behind the alias, beside the live one; it is removed too.
    """
    behind = _indices_behind(client, alias)
    own = own_indices(client, alias)
    return _delete(client, alias, [name for name in own if not own[name].get("finished") and behind != [name]])


def create(
    client: Elasticsearch, name: str, mapping: dict[str, Any], meta: dict[str, Any], settings: IndexSettings
) -> None:
    """Create an empty index for loading: no alias, no refresh, no replicas until make_searchable().

    Raises SearchBlocked if no node accepts its shards, for example because all disks are full; TransientError if they
    only have to wait; IndexNotAsExpected if an index template changes the index in a way that does harm. Then it is
    removed.
    """
    try:
        _create(client, name, mapping, meta, settings)
        check_created(client, name, mapping)
    except BaseException:
        with suppress(TransportError, ApiError):  # the build tries again
            client.options(ignore_status=NOT_FOUND).indices.delete(index=name)
        raise


def _create(
    client: Elasticsearch, name: str, mapping: dict[str, Any], meta: dict[str, Any], settings: IndexSettings
) -> None:
    answer = client.indices.create(
        index=name,
        settings={"index.number_of_shards": settings.shards} | LOADING_SETTINGS,
        mappings=mapping | {"_meta": meta},
        wait_for_active_shards=1,
        timeout=CREATE_TIMEOUT,
    )
    if not answer["shards_acknowledged"]:
        explanation = client.cluster.allocation_explain(index=name, shard=0, primary=True)
        raise _not_allocated(name, explanation.body)


def _not_allocated(name: str, explanation: dict[str, Any]) -> SearchBlocked | TransientError:
    """The error for an index whose shards no node has accepted. explanation: of one of its primary shards.

    Only a refusal of every node that lasts is a block: allocation is disabled during a rolling restart, and shards can
    be waiting for their turn.
    """
    nodes = explanation.get("node_allocation_decisions", [])
    refusals = {
        decider["decider"]: decider.get("explanation", decider["decider"])
        for node in nodes
        for decider in node.get("deciders", [])
    }
    reasons = "; ".join(f"{decider}: {why}" for decider, why in sorted(refusals.items())) or "no reason given"
    if explanation.get("can_allocate") == "no" and ALLOCATION_DISABLED not in refusals:
        return SearchBlocked(blocked_message(f"no node accepts {name}: {reasons}"))
    return TransientError(
        f"No node has accepted {name} within {CREATE_TIMEOUT} ({reasons}). Wait until allocation is possible again, "
        "as after maintenance, or remove the setting that is named, then run the job again."
    )


def refuse_if_removed(client: Elasticsearch, alias: str, name: str) -> None:
    """Raise IndexNotAsExpected unless the index is the one that create() made: only that one has a _meta.

    If somebody removes an index, Elasticsearch creates it again at the next bulk request, with a guessed mapping.
    """
    _meta_of(client, alias, name)


def add_meta(client: Elasticsearch, alias: str, name: str, more: dict[str, Any]) -> None:
    """Add fields to the _meta of the index. Raises IndexNotAsExpected unless it is the one that create() made."""
    client.indices.put_mapping(index=name, meta=_meta_of(client, alias, name) | more)


def record_left_out(client: Elasticsearch, alias: str, name: str, quarantine: Quarantine) -> None:
    """Store in the _meta of an index that a build made ("left_out") which keys lack their new documents."""
    meta = own_indices(client, alias).get(name)
    if meta is not None:
        earlier = meta.get("left_out", [])
        records = quarantine.merged(earlier)
        if records != earlier:
            client.indices.put_mapping(index=name, meta=meta | {"left_out": records})


def _meta_of(client: Elasticsearch, alias: str, name: str) -> dict[str, Any]:
    meta = own_indices(client, alias).get(name)
    if not meta:
        raise IndexNotAsExpected(removed_message(name))
    return meta


def make_searchable(client: Elasticsearch, name: str, settings: IndexSettings) -> None:
    """After loading: set what readers need (refresh interval, replicas), and refresh."""
    serving = {"refresh_interval": None, "auto_expand_replicas": settings.replicas}
    client.indices.put_settings(index=name, settings=serving)
    refresh(client, name)


def promote(client: Elasticsearch, alias: str, name: str) -> list[str]:
    """Put a new index behind the alias, in one request (swap). Return what swap() returns.

    Raises IndexNotAsExpected if a later build is live, or if the new index is not the one that create() made.
    """
    live = find_live(client, alias)
    _refuse_if_overtaken(alias, name, live)
    return swap(client, alias, live, name)


def swap(client: Elasticsearch, alias: str, live: Live, name: str) -> list[str]:
    """Put an index behind the alias instead of the live one, in one request.

    Other aliases of the live index, and the filter and routing of each alias, move with it; a sentence about those
    that we may not move is returned. A plain index with the alias's own name is removed in that same request. If the
    response gets lost, the alias itself shows whether the swap was done. The _meta of the index gets the UTC time of
    the swap ("live_since"). Raises TransientError if Elasticsearch does not answer, IndexNotAsExpected if the index is
    not the one that create() made.
    """
    # Before the swap, because nothing may fail after it. It counts only while the index is live.
    add_meta(client, alias, name, {"live_since": datetime.now(UTC).isoformat(timespec="seconds")})
    if live.name:
        # Its build may have been killed between the swap and the mark.
        mark_finished(client, alias, live.name)
    aliases = _aliases_of(client, live.name)
    _refuse_routing(client, name, aliases)
    warnings: list[str] = []
    if aliases.get(alias, {}).get("is_write_index") is False:
        del aliases[alias]["is_write_index"]
        warnings.append(
            f"{name}: is_write_index of the alias {alias} was false, so writes of the application were refused. The "
            "alias accepts them now."
        )
    with errors_translated_with_state("") as state:  # nothing is moved: the caller knows the state
        try:
            _Swap(client, alias, live, name, state).move(aliases)
        except AccessRefused:
            others = aliases.keys() - {alias}
            if not others or not live.is_alias:
                raise
            _Swap(client, alias, live, name, state).move({alias: aliases[alias]})
            warnings.append(
                f"{name}: no permission to move the other aliases of {live.name} ({', '.join(sorted(others))}): they "
                "stay there. Grant the permissions on these names too, and move the aliases manually."
            )
    for warning in warnings:
        log.warning("%s", warning)
    return warnings


def _aliases_of(client: Elasticsearch, index: str | None) -> dict[str, dict[str, Any]]:
    """The aliases of an index with their filters and routing; empty for None."""
    return dict(client.indices.get_alias(index=index)[index]["aliases"]) if index else {}


def _refuse_routing(client: Elasticsearch, name: str, aliases: dict[str, dict[str, Any]]) -> None:
    """Raise IndexNotAsExpected if an alias with a routing would get an index of several shards."""
    routed = [alias for alias, each in sorted(aliases.items()) if "search_routing" in each or "index_routing" in each]
    settings = client.indices.get_settings(index=name, flat_settings=True)[name]["settings"]
    shards = settings["index.number_of_shards"]
    if routed and shards != "1":
        raise IndexNotAsExpected(
            f"{name}: the alias {', '.join(routed)} has a routing, with which readers find the documents of one shard "
            f"only, but the index has {shards} shards. Remove the routing, or set the index setting shards to 1, then "
            "run the job again."
        )


@dataclass(frozen=True)
class _Swap:
    """One swap of an alias from the live index to the one of this name. state: replaced once it may have been done."""

    client: Elasticsearch
    alias: str
    live: Live
    name: str
    state: State

    def move(self, aliases: dict[str, dict[str, Any]]) -> None:
        """Move the alias, and the aliases of the live index that are given, in one request, until it is done."""
        alias, live = self.alias, self.live
        actions = self._actions(aliases)
        for _ in range(PROMOTION_ATTEMPTS):
            if self._is_done(actions):
                if live.name and not live.is_alias:
                    log.warning("%s was a plain index: it has been removed and replaced by the alias %s", alias, alias)
                return
            time.sleep(PROMOTION_WAIT_SECONDS)
        raise TransientError(f"The alias {alias} could not be moved to {self.name} in {PROMOTION_ATTEMPTS} attempts")

    def _actions(self, aliases: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """The actions of the request that moves these aliases, and in any case adds the alias."""
        live = self.live
        removals: list[dict[str, Any]] = [{"remove": {"index": live.name, "alias": each}} for each in aliases]
        if live.name and not live.is_alias:
            removals = [{"remove_index": {"index": live.name}}]
        wanted: dict[str, dict[str, Any]] = {self.alias: {}} | aliases
        additions = [{"add": {"index": self.name, "alias": each} | wanted[each]} for each in wanted]
        return removals + additions

    def _is_done(self, actions: list[dict[str, Any]]) -> bool:
        """Send the request, then check the alias, even if the response was an error or got lost.

        False: not done, or unknown. Raises SearchBlocked or SyncJobError if it was refused for good.
        """
        client, alias = self.client, self.alias
        before = self.live.name or "nothing"
        unknown = f"Readers see {self.name} or, as before, {before}; GET /_alias/{alias} shows which."
        try:
            client.options(max_retries=0).indices.update_aliases(actions=actions)
        except TransportError:
            pass
        except ApiError as error:
            if not is_from_elasticsearch(error):  # a proxy refused the request, or replaced the answer
                self.state.text = unknown
            if error.status_code != NOT_FOUND:  # also the response if an earlier request has done it
                raise_unless_transient(error)
        self.state.text = unknown
        try:
            return find_live(client, alias) == Live(self.name, is_alias=True)
        except TransportError:
            return False
        except ApiError as error:
            raise_unless_transient(error)
            return False


def mark_finished(client: Elasticsearch, alias: str, name: str) -> None:
    """Mark an index of a build as finished, so that it is kept as a previous index once another one is live.

    Only an index that is or was live is marked. If it were marked before the swap, a build that was killed in between
    would leave a previous index that no reader ever saw. An index without totals was never verified: only an index
    template can have put it behind the alias, so it is not marked either.
    """
    meta = own_indices(client, alias).get(name)
    if meta is not None and "documents" in meta and not meta.get("finished"):
        client.indices.put_mapping(index=name, meta=meta | {"finished": True})


def _refuse_if_overtaken(alias: str, name: str, live: Live) -> None:
    ours, theirs = built_at(name), built_at(live.name) if live.name else None
    if ours and theirs and theirs > ours:
        raise IndexNotAsExpected(
            f"{live.name} is behind alias {alias} and was built later than {name}, so it was not replaced. If that "
            "build is right, there is nothing to do; otherwise run the job again."
        )


def prune(client: Elasticsearch, alias: str, retained_indices: int) -> list[str]:
    """Remove all indices except the live one and the latest previous ones. Return the names of those removed."""
    live = find_live(client, alias).name
    previous = [name for name in own_indices(client, alias) if name != live]
    return _delete(client, alias, previous[retained_indices:])


def rollback_target(client: Elasticsearch, alias: str, direction: str) -> tuple[str, dict[str, Any]]:
    """The finished index built before the live one ("back") or after it ("forward"), with its _meta.

    Raises BadArgument for any other direction, IndexNotAsExpected if there is no such index.
    """
    if direction not in ("back", "forward"):
        raise BadArgument(f"direction: expected back or forward, got {direction!r}")
    indices = find_indices(client, alias)
    live, previous = indices.live, indices.previous
    if live is None or live not in indices.own:
        raise IndexNotAsExpected(
            f"No build has made the index behind alias {alias} (found {live or 'no index'}). Run the index "
            "build instead of a rollback."
        )
    older, newer = [name for name in previous if name < live], [name for name in previous if name > live]
    candidates = older[:1] if direction == "back" else newer[-1:]
    if not candidates:
        which = "before" if direction == "back" else "after"
        known = ", ".join(sorted([live, *previous], reverse=True))
        raise IndexNotAsExpected(
            f"There is no finished index built {which} the live one, {live}. Finished indices: {known}."
        )
    return candidates[0], indices.own[candidates[0]]


@dataclass(frozen=True)
class Build:
    """A build that is loading. documents: loaded so far; expected: about how many there will be. started: UTC."""

    name: str
    documents: int
    expected: int
    started: datetime


def find_build(client: Elasticsearch, indices: Indices) -> Build | None:
    """The running build among these indices, or the remains of one that died; None if there is neither."""
    for name in indices.unfinished:
        started = built_at(name)
        if started:
            statistics = client.options(ignore_status=404).indices.stats(index=name, metric="indexing")
            # Empty until a shard has started.
            primaries = statistics["_all"]["primaries"] if "_all" in statistics else {}
            done = primaries["indexing"]["index_total"] if "indexing" in primaries else 0
            return Build(name, done, indices.own[name].get("expected_documents", 0), started)
    return None


def discard(client: Elasticsearch, alias: str, name: str) -> None:
    """Remove an index if it exists and is not the only one behind the alias, so never the live one."""
    if _indices_behind(client, alias) != [name]:
        client.options(ignore_status=404).indices.delete(index=name)


def _delete(client: Elasticsearch, alias: str, names: list[str]) -> list[str]:
    """Remove indices. Return the names of those removed: one of which a snapshot is being made stays for now."""
    removed = []
    for name in names:  # one by one: a list in the URL could grow too long
        try:
            discard(client, alias, name)
        except ApiError as error:
            if error.error != SNAPSHOT_IN_PROGRESS:
                raise
            log.warning("%s cannot be removed while a snapshot of it is being made: the next build removes it", name)
        else:
            removed.append(name)
    return removed
