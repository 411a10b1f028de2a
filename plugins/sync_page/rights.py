"""What a user may view and run. Airflow is asked once every few seconds, because each question may cost a query."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from airflow.api_fastapi.app import get_auth_manager

from sync_airflow.night_reader import DAGS
from sync_page.access import may_run, may_stop, may_view

# A right that is taken away can still show the page for this long. Starting a run always asks again.
FRESH_SECONDS = 5.0

# More users than will ever view the page at the same time.
REMEMBERED = 500


@dataclass(frozen=True)
class Rights:
    """user: their name. viewable, runnable, stoppable: ids of DAGs whose runs the user may view, start, stop."""

    user: str
    viewable: frozenset[str]
    runnable: frozenset[str]
    stoppable: frozenset[str]


_known: dict[str, tuple[float, Rights]] = {}
_executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sync page rights")


async def rights_of(user: Any) -> Rights:
    """The rights of this user."""
    key = repr(sorted(get_auth_manager().serialize_user(user).items()))
    at, known = _known.get(key, (0.0, None))
    if known is not None and time.monotonic() - at < FRESH_SECONDS:
        return known
    if len(_known) >= REMEMBERED:
        _known.clear()
    return await asyncio.get_running_loop().run_in_executor(_executor, _ask, key, user)


def _ask(key: str, user: Any) -> Rights:
    at, known = _known.get(key, (0.0, None))
    if known is not None and time.monotonic() - at < FRESH_SECONDS:
        return known  # another request of this user has asked meanwhile
    rights = Rights(
        user=user.get_name(),
        viewable=frozenset(dag_id for dag_id in DAGS if may_view(user, dag_id)),
        runnable=frozenset(dag_id for dag_id in DAGS if may_run(user, dag_id)),
        stoppable=frozenset(dag_id for dag_id in DAGS if may_stop(user, dag_id)),
    )
    _known[key] = (time.monotonic(), rights)
    return rights
