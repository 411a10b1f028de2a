"""Notices the start of a scheduler, and leaves what is to be done about it to a process of its own.

scheduler ─ on_starting ─ in the window? ─ python -m sync_airflow.restart.recovery_trigger ─ triggers recovery, ends

A process, not a thread: the scheduler forks its workers, and a fork while a thread holds a lock (of logging, of
the database's pool) leaves that lock held in the worker for ever. Nothing that goes wrong in it reaches the scheduler.
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
    """Airflow calls this in every process of its own, tasks included, before the process does anything."""
    if not is_scheduler(component, sys.argv):
        return
    try:
        start_recovery_if_due(datetime.now(UTC))
    except Exception as error:  # whatever it is, the scheduler has to start
        log.error("Start of the scheduler: recovery is not triggered: %s: %s", type(error).__name__, error)


def is_scheduler(component: Any, arguments: list[str]) -> bool:
    """Whether this is `airflow scheduler` itself.

    The component cannot tell: its job type is not set yet. The arguments alone cannot either: a worker that was
    forked from the scheduler has them, too.
    """
    return arguments[1:2] == ["scheduler"] and type(component).__name__ == "Job"


def start_recovery_if_due(now: datetime) -> None:
    """Start the process that triggers recovery, if the window is open. Raises ValueError if that is set wrong."""
    # Imported here, since every task process imports this module.
    from sync_airflow.settings import recovery_window  # noqa: PLC0415

    window = recovery_window()
    if window is None:
        log.info("Start of the scheduler: recovery after a restart is turned off.")
    elif now not in window:
        log.info("Start of the scheduler at %s, outside of %s: no recovery.", now.isoformat(), window)
    else:
        log.info("Start of the scheduler at %s, within %s: recovery is to be triggered.", now.isoformat(), window)
        start_process(now)


def start_process(now: datetime) -> None:
    """Start it and return at once. It logs to where the scheduler logs, and does not wait on once that is gone."""
    path = os.pathsep.join(filter(None, [str(PLUGINS), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_airflow.restart.recovery_trigger", now.isoformat()],
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
    )
    # Only so that no zombie stays: the thread holds no lock that anything else wants.
    threading.Thread(target=process.wait, name="restart recovery", daemon=True).start()
