"""The ids of runs: what started a run, and which run began a chain of them."""

from __future__ import annotations

import re

from sync_airflow.dag_ids import RECOVERY
from sync_airflow.night.facts import StartedBy
from sync_airflow.night_rules import BACKFILL, IN_PLACE, SCHEDULED

# Prefixes of the ids of runs in a chain of follow-on jobs, and of recoveries that a restart of the scheduler started.
AFTER = "after"
RESTART = "restart"

# Airflow's limit is 250; the ids of started runs are a few characters longer.
MAXIMUM_PARENT_RUN_ID = 200

_BY_PREFIX: dict[str, StartedBy] = {
    SCHEDULED: "schedule",
    IN_PLACE: "schedule",
    BACKFILL: "backfill",
    RECOVERY: "recovery",
    AFTER: "follow-on",
    RESTART: "restart",
}
_TRIES_AT_THE_END = re.compile(r"(__\d+)+$", re.ASCII)


def child_run_id(prefix: str, run_id: str, attempt: int) -> str:
    """A run id that names the run that starts it, and that differs if the task is cleared and repeated.

    attempt: the first one since the task was cleared. An automatic retry has the same id: it must not start a second
    run if the attempt before was lost after it had started one.
    after__manual__2026-02-28T09:00:00+00:00__1; a run that is started by this one has another __1 at the end.
    """
    return f"{prefix}__{run_id.removeprefix(f'{prefix}__')[:MAXIMUM_PARENT_RUN_ID]}__{attempt}"


def first_run_id(run_id: str) -> str:
    """The id of the run that began a chain or recovery, from the id of a run that it started."""
    return _TRIES_AT_THE_END.sub("", run_id.partition("__")[2])


def started_by_of(run_id: str) -> StartedBy:
    """What started the run with this id, in one word."""
    return _BY_PREFIX.get(run_id.partition("__")[0], "manual")
