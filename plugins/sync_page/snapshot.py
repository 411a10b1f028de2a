"""One snapshot of everything that the page shows, shared among all callers: at most one read a second."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from airflow.sdk import timezone
from airflow.utils.session import create_session
from sqlalchemy.exc import SQLAlchemyError

from sync_airflow.night.facts import Facts, SearchFact
from sync_airflow.night.states import USUAL_NIGHTS
from sync_airflow.night.verdict import Night, judge
from sync_airflow.night_reader import read_facts
from sync_airflow.night_rules import latest_night
from sync_airflow.search_state import read_search, unknown_search
from sync_jobs.index_definitions import INDEX_DEFINITIONS
from sync_page.shared_read import NoAnswer, SharedRead

NIGHT_SECONDS = 1.0
SEARCH_SECONDS = 2.0

# While Elasticsearch is slow, the page shows what it said last, for this long.
SEARCH_STALE_SECONDS = 15.0

# Nobody waits longer for Airflow's database.
LIMIT_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """Everything at one moment. Nights are judged once, when somebody asks for them.

    answers: what has been made from it already, for those who ask the same.
    """

    facts: Facts
    answers: dict[Any, Any] = field(default_factory=dict, compare=False)
    _nights: dict[date, Night] = field(default_factory=dict, compare=False)

    @property
    def latest(self) -> date:
        """The run date of the night that started last."""
        return latest_night(self.facts.now)

    def night(self, run_date: date | None = None) -> Night:
        """The night of that run date; without one, the latest."""
        wanted = run_date or self.latest
        if wanted not in self._nights:
            self._nights[wanted] = judge(self.facts, wanted)
        return self._nights[wanted]

    @property
    def oldest(self) -> date:
        """The run date of the oldest night of which all runs are known."""
        return self.latest - timedelta(days=USUAL_NIGHTS - 1)

    def last_nights(self) -> list[Night]:
        """The last 14 nights, oldest first."""
        return [self.night(self.oldest + timedelta(days=days)) for days in range(USUAL_NIGHTS)]


async def snapshot() -> Snapshot:
    """The current snapshot. Never raises: what does not answer is said in its facts."""
    search = await _search()
    try:
        found = await _night_facts.get()
    except NoAnswer as error:
        return _unknown(f"Airflow's database gives {error}", search)
    except SQLAlchemyError as error:
        log.error("Airflow's metadata database failed", exc_info=error)
        return _unknown(f"Airflow's database failed ({type(error).__name__})", search)
    return _together(found, search)


def _unknown(error: str, search: tuple[SearchFact, ...]) -> Snapshot:
    """Airflow's database did not answer; Elasticsearch may have done."""
    return Snapshot(Facts(now=timezone.utcnow(), error=error, search=search))


def now() -> datetime:
    """UTC."""
    return timezone.utcnow()


def forget() -> None:
    """Read again when somebody asks next: a run has just been started."""
    _night_facts.forget()


class _Latest:
    """The last snapshot and what it was made from, so that its nights are judged once."""

    found: Facts | None = None
    search: tuple[SearchFact, ...] | None = None
    made: Snapshot | None = None


def _together(found: Facts, search: tuple[SearchFact, ...]) -> Snapshot:
    if _Latest.made is None or _Latest.found is not found or _Latest.search is not search:
        _Latest.found, _Latest.search = found, search
        _Latest.made = Snapshot(replace(found, search=search))
    return _Latest.made


async def _search() -> tuple[SearchFact, ...]:
    try:
        return await _search_facts.get()
    except NoAnswer as error:
        why = f"Elasticsearch gives {error}"
        return tuple(unknown_search(definition, why) for definition in INDEX_DEFINITIONS)


def _read_night() -> Facts:
    # Opened and closed in this one thread: no connection is held while a request waits for something else.
    with create_session(scoped=False) as session:
        return read_facts(session, timezone.utcnow())


def _read_search() -> tuple[SearchFact, ...]:
    return read_search(INDEX_DEFINITIONS, timezone.utcnow())


_night_facts = SharedRead("night", _read_night, fresh_seconds=NIGHT_SECONDS, limit_seconds=LIMIT_SECONDS)
_search_facts = SharedRead(
    "search",
    _read_search,
    fresh_seconds=SEARCH_SECONDS,
    limit_seconds=LIMIT_SECONDS,
    stale_seconds=SEARCH_STALE_SECONDS,
)
