"""How metrics are emitted: through Airflow's own metrics, so StatsD or OpenTelemetry.

Metrics never fail a job. Without StatsD or OpenTelemetry, emitting one does nothing.
"""

from __future__ import annotations

import logging

from airflow.sdk.observability import stats

from sync_airflow.monitoring.metrics import Metric

log = logging.getLogger(__name__)


def set_gauge(metric: Metric, value: float, **labels: str) -> None:
    """Give the series with these labels a new value."""
    _emit(metric, labels, value)


def count(metric: Metric, by: int = 1, **labels: str) -> None:
    """Add to the series with these labels. Adding 0 creates it, so that its first increase is seen."""
    _emit(metric, labels, by)


def _emit(metric: Metric, labels: dict[str, str], value: float) -> None:
    try:
        if set(labels) != set(metric.labels):
            raise ValueError(f"expected the labels {', '.join(metric.labels)}, got {', '.join(labels)}")
        tags = {name: labels[name] for name in metric.labels}
        if metric.kind == "counter":
            stats.incr(metric.name, int(value), tags=tags)
        else:
            stats.gauge(metric.name, value, tags=tags)
    except Exception as error:  # no job may fail because of a metric
        log.warning("The metric %s could not be emitted: %s: %s", metric.name, type(error).__name__, error)
