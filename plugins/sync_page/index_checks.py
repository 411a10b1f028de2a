"""Checks of a search index on request: is it what readers need, and does it agree with PostgreSQL?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowFailException
from elastic_transport import TransportError
from elasticsearch import ApiError

from sync_airflow.connections import open_elasticsearch, open_postgres
from sync_jobs.errors import IndexNotAsExpected, SyncJobError
from sync_jobs.index_definitions import INDEX_DEFINITIONS
from sync_jobs.postgres.connection import take_over
from sync_jobs.postgres.errors import postgres_errors_translated
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.index_alias import find_live, own_indices
from sync_jobs.search.reads import refresh
from sync_jobs.search.verification import (
    found_totals,
    plain_documents,
    sample_of_keys,
    verify_documents,
    wanted_totals,
)
from sync_page.shared_read import SharedRead

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

# How many persons are compared field by field.
SAMPLE = 50

# Counting the documents of a million persons takes PostgreSQL seconds.
STATEMENT_TIMEOUT = timedelta(seconds=60)
CHECK_LIMIT_SECONDS = 90.0

# Nobody needs a check more often.
CHECK_SECONDS = 5.0
REQUEST_TIMEOUT_SECONDS = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check. passed: None if it could not be made. text: what was found; names keys, never the content."""

    name: str
    passed: bool | None
    text: str
    checked_at: datetime


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The checks of an index. index: its name; None if nothing is behind the alias."""

    alias: str
    index: str | None
    checks: list[Check]


def check_index(definition: IndexDefinition) -> Checked:
    """Make all checks. Never raises for a server that does not answer: its checks then say why they were not made.

    The counts and the sample are as of now. An edit that the application is just writing can show as a difference.
    """
    found = _Checks(definition)
    with open_elasticsearch() as opened:
        client = opened.options(request_timeout=REQUEST_TIMEOUT_SECONDS, retry_on_timeout=False)
        found.make("exactly one index is behind the alias", lambda: found.one_index(client))
        if found.index is not None:
            index = found.index
            found.make("the index accepts writes", lambda: _takes_writes(definition, client, index))
            found.make("the number of documents is as expected", lambda: _counts(definition, client, index))
            found.make("a sample agrees with PostgreSQL", lambda: _sample(definition, client, index))
    return Checked(alias=definition.alias, index=found.index, checks=found.checks)


class _Checks:
    def __init__(self, definition: IndexDefinition) -> None:
        self.definition = definition
        self.index: str | None = None
        self.checks: list[Check] = []

    def make(self, name: str, check: Callable[[], str]) -> None:
        """Make a check. It returns what it found, and raises IndexNotAsExpected if that is wrong."""
        passed: bool | None
        try:
            passed, text = True, check()
        except IndexNotAsExpected as error:
            passed, text = False, str(error)
        except (SyncJobError, AirflowFailException) as error:
            passed, text = None, str(error)
        except (TransportError, ApiError) as error:
            log.warning("Check of %s: %s: %s", self.definition.alias, name, error)
            passed, text = None, f"Unexpected answer: {type(error).__name__}"
        self.checks.append(Check(name=name, passed=passed, text=text, checked_at=timezone.utcnow()))

    def one_index(self, client: Elasticsearch) -> str:
        live = find_live(client, self.definition.alias)
        if live.name is None:
            raise IndexNotAsExpected(f"No index is behind {self.definition.alias}.")
        if not live.is_alias:
            raise IndexNotAsExpected(f"{live.name} is an index, not an alias.")
        self.index = live.name
        return live.name


def _takes_writes(definition: IndexDefinition, client: Elasticsearch, index: str) -> str:
    """Whether an index accepts writes through the alias, by its settings and its health: a check must not write."""
    alias = definition.alias
    if client.indices.get_alias(index=index, name=alias)[index]["aliases"][alias].get("is_write_index") is False:
        raise IndexNotAsExpected(f"{alias} rejects writes: is_write_index of {index} is false.")
    settings = client.indices.get_settings(index=index, name="index.blocks.*", flat_settings=True)
    blocks = (
        [key for key, value in settings[index]["settings"].items() if str(value).lower() == "true"] if settings else []
    )
    if blocks:
        raise IndexNotAsExpected(f"{index} rejects writes: {', '.join(sorted(blocks))}.")
    health = client.cluster.health(index=index)["status"]
    if health == "red":
        raise IndexNotAsExpected(f"{index} has a primary shard that is not assigned: its health is red.")
    return f"no block; health {health}"


def _counts(definition: IndexDefinition, client: Elasticsearch, index: str) -> str:
    run_date, left_out = _built_for(client, definition, index)
    with _snapshot() as postgres:
        wanted = wanted_totals(definition, postgres, run_date)
    refresh(client, index)
    found = found_totals(definition, client, index)
    if found != wanted and not left_out:
        raise IndexNotAsExpected(f"Expected {wanted}, found {found}.")
    without = f"; {left_out} {definition.entity}s were left out by the build" if left_out else ""
    return f"found {found.documents:,} documents, expected {wanted.documents:,}{without}"


def _sample(definition: IndexDefinition, client: Elasticsearch, index: str) -> str:
    run_date, left_out = _built_for(client, definition, index)
    with _snapshot() as postgres:
        # Another sample at each check.
        keys = sample_of_keys(definition, postgres, f"{index} {timezone.utcnow().isoformat()}", SAMPLE)
        wanted = plain_documents(definition, postgres, run_date, keys)
    try:
        verify_documents(definition, client, index, wanted)
    except IndexNotAsExpected as error:
        if left_out:
            return f"{error} The build has left out {left_out} {definition.entity}s, which may be these."
        raise
    return f"{len(keys)} {definition.entity}s chosen at random agree with PostgreSQL"


def _built_for(client: Elasticsearch, definition: IndexDefinition, index: str) -> tuple[date, int]:
    """The run date that the index was built for, and how many keys its build has left out."""
    meta: dict[str, Any] = own_indices(client, definition.alias).get(index, {})
    if "run_date" not in meta:
        raise IndexNotAsExpected(f"{index} was not made by a build of these jobs.")
    return date.fromisoformat(meta["run_date"]), len(meta.get("left_out", []))


@contextmanager
def _snapshot() -> Iterator[Any]:
    """A snapshot in a session like that of a job: the same checks and settings, so that no rows are hidden from it."""
    with (
        open_postgres("checks of the page at /sync/", STATEMENT_TIMEOUT) as postgres,
        postgres_errors_translated(),
    ):
        take_over(postgres)
        with snapshot(postgres):
            yield postgres


def shared_checks(definition: IndexDefinition) -> SharedRead[Checked]:
    """The checks of this index. Those who ask at the same time share them."""
    return _checks[definition.alias]


def _new_checks(definition: IndexDefinition) -> SharedRead[Checked]:
    return SharedRead(
        f"checks of {definition.alias}",
        lambda: check_index(definition),
        fresh_seconds=CHECK_SECONDS,
        limit_seconds=CHECK_LIMIT_SECONDS,
    )


_checks = {definition.alias: _new_checks(definition) for definition in INDEX_DEFINITIONS}
