"""Notices the start of a scheduler, and starts a separate process that triggers recovery.

scheduler ─ on_starting ─ in the window? ─ python -m sync_airflow.restart.recovery_trigger ─ triggers recovery, ends

A process, not a thread: the scheduler forks its workers, and a lock that a thread holds at that moment (of logging, of
the database's pool) would stay locked in the worker forever. Errors of the process do not reach the scheduler.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.listeners import hookimpl

PLUGINS = Path(__file__).resolve().parents[2]

log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: Any) -> None:
    """Airflow calls this at the start of each of its processes, including tasks."""
    if not is_scheduler(component, sys.argv):
        return
    try:
        start_recovery_if_due(datetime.now(UTC))
    except Exception as error:  # the scheduler must start in any case
        log.error("Start of the scheduler: recovery is not triggered: %s: %s", type(error).__name__, error)


def is_scheduler(component: Any, arguments: list[str]) -> bool:
    """Whether this is the process of `airflow scheduler`.

    The job type of the component is not set yet. The arguments alone are not enough: a worker forked from the
    scheduler has the same ones.
    """
    return arguments[1:2] == ["scheduler"] and type(component).__name__ == "Job"


def start_recovery_if_due(now: datetime) -> None:
    """Start the process that triggers recovery, if now is in the window. Raises ValueError for a wrong setting."""
    # Imported here because every task process imports this module.
    from sync_airflow.settings import recovery_window  # noqa: PLC0415

    window = recovery_window()
    if window is None:
        log.info("Start of the scheduler: recovery after a restart is off.")
    elif now not in window:
        log.info("Start of the scheduler at %s, outside %s: no recovery.", now.isoformat(), window)
    else:
        log.info("Start of the scheduler at %s, within %s: triggering recovery.", now.isoformat(), window)
        start_process(now)


def start_process(now: datetime) -> None:
    """Start the process and return at once. It writes to the scheduler's log, and stops waiting if that ends."""
    path = os.pathsep.join(filter(None, [str(PLUGINS), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_airflow.restart.recovery_trigger", now.isoformat()],
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
    )
    # Only to avoid a zombie process: the thread holds no lock that anything else needs.
    threading.Thread(target=process.wait, name="restart recovery", daemon=True).start()
