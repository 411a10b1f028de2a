"""Logs at the start of a scheduler, DAG processor or triggerer which metrics, spans and messages are lost."""

from __future__ import annotations

import logging
from typing import Any

from airflow.listeners import hookimpl

log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: Any) -> None:
    """Airflow calls this at the start of each of its processes. In tasks it would repeat the same lines."""
    if type(component).__name__ != "Job":
        return
    # Imported here because every task process imports this module.
    from sync_airflow.monitoring.settings_check import what_is_lost  # noqa: PLC0415

    try:
        for sentence in what_is_lost():
            log.error("%s", sentence)
    except Exception as error:  # Airflow must start in any case
        log.error("Monitoring: its settings could not be checked: %s: %s", type(error).__name__, error)
