"""What Elasticsearch knows of the search index: which one is live, which are kept, and how far a build is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sync_airflow.connections import open_elasticsearch
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.search.index_alias import Indices, built_at, find_build, find_indices

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

# A page waits no longer for a cluster that does not answer.
REQUEST_TIMEOUT_SECONDS = 3


@dataclass(frozen=True, kw_only=True)
class Index:
    """built_at: start of its build, UTC; None for one that no build made. run_date: ISO. documents: top level."""

    name: str
    built_at: datetime | None
    run_date: str | None
    documents: int | None


@dataclass(frozen=True, kw_only=True)
class BuildProgress:
    """A build at work: documents done, of how many (0 while they are counted), per second since its start."""

    name: str
    started: datetime
    documents: int
    expected: int
    documents_per_second: int


@dataclass(frozen=True, kw_only=True)
class SearchState:
    """live: behind the alias; None if nothing is. previous: kept for a way back or forth, the newest first."""

    alias: str
    live: Index | None
    previous: list[Index]
    build: BuildProgress | None


def read_search_state(now: datetime) -> SearchState:
    """Ask the cluster of tcs_elasticsearch. now: UTC. Raises what the client raises, and AirflowFailException."""
    with open_elasticsearch() as opened:
        # What refuses is left for the next node at once; what is silent ends it.
        client = opened.options(request_timeout=REQUEST_TIMEOUT_SECONDS, retry_on_timeout=False)
        indices = find_indices(client, PERSONS.alias)
        live, own = indices.live, indices.own
        return SearchState(
            alias=PERSONS.alias,
            live=_index(live, own.get(live, {}), _count(client, live)) if live else None,
            previous=[_index(name, own[name], own[name].get("documents")) for name in indices.previous],
            build=_build(client, indices, now),
        )


def _index(name: str, meta: dict[str, Any], documents: int | None) -> Index:
    return Index(name=name, built_at=built_at(name), run_date=meta.get("run_date"), documents=documents)


def _count(client: Elasticsearch, name: str) -> int:
    return int(client.count(index=name)["count"])


def _build(client: Elasticsearch, indices: Indices, now: datetime) -> BuildProgress | None:
    build = find_build(client, indices)
    if build is None:
        return None
    seconds = max((now - build.started).total_seconds(), 1)
    return BuildProgress(
        name=build.name,
        started=build.started,
        documents=build.documents,
        expected=build.expected,
        documents_per_second=round(build.documents / seconds),
    )
