"""The state of the search indices, from Elasticsearch: the live index, the kept ones, and the progress of a build."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk.exceptions import AirflowFailException
from elastic_transport import TransportError
from elasticsearch import ApiError
from psycopg import Error as PostgresError

from sync_airflow.connections import open_elasticsearch, open_postgres
from sync_airflow.dag_ids import index_alarm_id, index_rollback_id
from sync_airflow.night.facts import BuildFact, IndexFact, SearchFact
from sync_jobs.catalogue import build_job
from sync_jobs.errors import SyncJobError
from sync_jobs.postgres.locks import is_locked
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.index_alias import Indices, built_at, find_build, find_indices
from sync_jobs.search.reads import count

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

# The page waits no longer than this for a cluster that does not answer.
REQUEST_TIMEOUT_SECONDS = 3

When = TypeVar("When", date, datetime)

log = logging.getLogger(__name__)


def read_search(definitions: Iterable[IndexDefinition], now: datetime) -> tuple[SearchFact, ...]:
    """The state of these search indices, from the cluster of tcs_elasticsearch. now: UTC.

    Never raises, because search must not hide the jobs: a state that cannot be read says why. If the cluster does not
    answer, it is not asked about the next index.
    """
    found: list[SearchFact] = []
    wanted = tuple(definitions)
    try:
        with open_elasticsearch() as opened:
            # If a node refuses the connection, the client tries the next one; if a node is silent, the request ends.
            client = opened.options(request_timeout=REQUEST_TIMEOUT_SECONDS, retry_on_timeout=False)
            for definition in wanted:
                found.append(_readable_state(definition, client, now))
    except TransportError as error:
        log.warning("The state of the search indices could not be read: %s", error)
        unknown = f"Elasticsearch does not answer ({type(error).__name__})"
    except (SyncJobError, AirflowFailException) as error:
        unknown = str(error)
    else:
        return tuple(found)
    return (*found, *(unknown_search(definition, unknown) for definition in wanted[len(found) :]))


def unknown_search(definition: IndexDefinition, error: str) -> SearchFact:
    """Nothing is known of that index. error: why."""
    return replace(_named(definition), error=error)


def _named(definition: IndexDefinition) -> SearchFact:
    return SearchFact(
        alias=definition.alias,
        job=build_job(definition).name,
        rollback=index_rollback_id(definition),
        alarm=index_alarm_id(definition),
    )


def _readable_state(definition: IndexDefinition, client: Elasticsearch, now: datetime) -> SearchFact:
    """The state of an index, or why Elasticsearch does not say it. Raises TransportError."""
    try:
        return _state(definition, client, now)
    except SyncJobError as error:
        why = str(error)
    except ApiError as error:
        log.warning("The state of the index %s could not be read: %s", definition.alias, error)
        why = f"Elasticsearch does not answer as expected: {error.message or error.meta.status}"
    except (KeyError, TypeError, AttributeError) as error:  # something is missing in an answer
        log.exception("The state of the index %s could not be read", definition.alias)
        what = f"{type(error).__name__}, see the log of the API server"
        why = f"Elasticsearch answered in an unexpected form ({what})"
    return unknown_search(definition, why)


def _state(definition: IndexDefinition, client: Elasticsearch, now: datetime) -> SearchFact:
    indices = find_indices(client, definition.alias)
    live, own = indices.live, indices.own
    return replace(
        _named(definition),
        live=_index(live, own.get(live, {}), count(client, live)) if live else None,
        previous=tuple(_index(name, own[name], own[name].get("documents")) for name in indices.previous),
        build=_build(client, definition, indices, now),
    )


def _index(name: str, meta: dict[str, Any], documents: int | None) -> IndexFact:
    return IndexFact(
        name=name,
        built_at=built_at(name),
        run_date=_parsed(date.fromisoformat, meta.get("run_date")),
        documents=documents,
        live_since=_parsed(datetime.fromisoformat, meta.get("live_since")),
        definition_version=meta.get("definition"),
        code_version=meta.get("code"),
        is_verified="documents" in meta,  # the totals are added once they agree with PostgreSQL
    )


def _parsed(parse: Callable[[str], When], text: str | None) -> When | None:
    """A date or a moment in ISO 8601 from a _meta; None if it is missing or something else."""
    try:
        return parse(text) if text else None
    except ValueError:
        return None


def _build(client: Elasticsearch, definition: IndexDefinition, indices: Indices, now: datetime) -> BuildFact | None:
    build = find_build(client, indices)
    if build is None:
        return None
    seconds = max((now - build.started).total_seconds(), 1)
    return BuildFact(
        name=build.name,
        started=build.started,
        documents=build.documents,
        expected=build.expected,
        documents_per_second=round(build.documents / seconds),
        is_running=_is_being_built(definition),
    )


def _is_being_built(definition: IndexDefinition) -> bool | None:
    """Whether a run of the job that builds the index holds the lock of that job. None if PostgreSQL does not answer.

    The lock of the alias would not do: a rollback and a refresh of documents hold it, too.
    """
    try:
        with open_postgres("page at /sync/", timedelta(seconds=REQUEST_TIMEOUT_SECONDS)) as postgres:
            return is_locked(postgres, build_job(definition).name)
    except (SyncJobError, AirflowFailException, PostgresError) as error:
        log.warning("PostgreSQL does not say whether %s is being built: %s", definition.alias, type(error).__name__)
        return None
