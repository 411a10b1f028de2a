"""Triggers recovery after the start of a scheduler: once, even if several schedulers start.

    python -m sync_airflow.restart.recovery_trigger 2026-03-10T03:00:00+00:00

The argument is the time at which the scheduler started. On the very first start Airflow does not know the DAG yet, or
the DAG is still paused; then this process waits. It logs one line with the result.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import DagNotFound
from airflow.models.dag_version import DagVersion
from airflow.models.dagrun import DagRun
from airflow.sdk import timezone
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy import and_, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from sync_airflow.dag_ids import RECOVERY
from sync_airflow.night.verdict import judge
from sync_airflow.restart.exclusive_start import active, lock_dag
from sync_airflow.run_ids import RESTART
from sync_airflow.settings import recovery_skips_fine_night

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

UNKNOWN = f"Airflow does not know the DAG {RECOVERY} yet"

# How long to wait for a new DAG: longer than the first parsing of all DAG files takes.
PATIENCE = timedelta(minutes=10)
RETRY_AFTER = timedelta(seconds=2)

log = logging.getLogger(__name__)


class NotYet(Exception):
    """Recovery cannot be triggered yet. The text says why."""


def main(started: datetime) -> str:
    """Trigger recovery for a scheduler that started at that time. Returns the result as a sentence."""
    scheduler, end = os.getppid(), time.monotonic() + PATIENCE.total_seconds()
    while True:
        try:
            return trigger_once(started)
        except NotYet as error:
            if time.monotonic() > end:
                return f"Recovery is not triggered: {error}, after {PATIENCE}"
            if os.getppid() != scheduler:
                return f"Recovery is not triggered: {error}, and the scheduler has ended"
        time.sleep(RETRY_AFTER.total_seconds())


def trigger_once(started: datetime) -> str:
    """Trigger recovery, unless it is paused, a run is active or was created since, or there is nothing to recover.

    Raises NotYet, and ValueError for a wrong setting.
    """
    try:
        # Not the thread's shared session: code that trigger_dag calls commits that one, which would release the lock.
        with create_session(scoped=False) as session:
            if lock_dag(session, RECOVERY).is_paused:
                return f"Recovery is not triggered: {paused(session, started)}"
            run_id = run_in_its_place(session, started)
            if run_id:
                return f"Recovery is not triggered: its run {run_id} exists already"
            fine = recovery_skips_fine_night() and fine_night(session)
            if fine:
                return f"Recovery is not triggered: {fine}"
            return f"Recovery is triggered: {trigger(session, started)}"
    except DagNotFound:
        raise NotYet(UNKNOWN) from None
    except SQLAlchemyError as error:
        raise NotYet(f"Airflow's database does not answer ({type(error).__name__})") from None


def paused(session: Session, started: datetime) -> str:
    """Why recovery is not triggered: somebody has paused the DAG. Raises NotYet if it is new and not yet unpaused."""
    known_since = session.scalar(select(func.min(DagVersion.created_at)).where(DagVersion.dag_id == RECOVERY))
    if known_since is None or known_since >= started:
        raise NotYet(f"the DAG {RECOVERY} is new and still paused")
    return f"the DAG {RECOVERY} is paused"


def fine_night(session: Session) -> str | None:
    """That all jobs of the latest night are done, as a clause; None if they are not.

    The state of Airflow's components does not count: after a restart, none of them may have reported yet.
    """
    # Imported here because it imports this module.
    from sync_airflow.night_reader import read_facts  # noqa: PLC0415

    night = judge(replace(read_facts(session, timezone.utcnow()), components=()))
    return f"the night of {night.run_date} is {night.verdict}" if night.verdict in ("fine", "repaired") else None


def trigger(session: Session, started: datetime) -> str:
    """Create the run and return its id."""
    run_id = f"{RESTART}__{started.isoformat()}"
    trigger_dag(
        RECOVERY,
        run_id=run_id,
        triggered_by=DagRunTriggeredByType.CLI,
        triggering_user_name="restart of the scheduler",
        note=f"A scheduler started at {started.isoformat()}.",
        session=session,
    )
    return run_id


def run_in_its_place(session: Session, started: datetime) -> str | None:
    """The id of a run of recovery that is active or was created since: by another scheduler or manually.

    A run that is planned for later does not do the work of tonight.
    """
    now = timezone.utcnow()
    since = and_(DagRun.run_after >= started, DagRun.run_after <= now)
    runs = select(DagRun.run_id).where(DagRun.dag_id == RECOVERY, or_(active(now), since))
    return session.scalar(runs.order_by(DagRun.run_after).limit(1))


if __name__ == "__main__":
    try:
        log.info("%s.", main(datetime.fromisoformat(sys.argv[1])))
    except Exception as error:  # one line in the scheduler's log, not a traceback
        log.error("Recovery is not triggered: %s: %s", type(error).__name__, error)
        sys.exit(1)
