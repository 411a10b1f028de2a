"""The table of metrics, which sync_airflow.monitoring.emission emits. Without an import of Airflow.

The reference page is made from the table (docs/write_metrics.py), and the tests check the dashboard and the alert rules
against it. Names include the unit, and those of counters end with "_total", so StatsD and OpenTelemetry give them the
same names in Prometheus.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter"]

# What Airflow puts before every name, unless [metrics] statsd_prefix or otel_prefix says otherwise.
AIRFLOW_PREFIX = "airflow"

JOB_NAME = "job_name"
INDEX = "index"

# The results of an attempt. "stopped": by a person, or because its worker was shut down.
SUCCESS, RETRY, FAILURE, STOPPED = RESULTS = ("success", "retry", "failure", "stopped")


@dataclass(frozen=True)
class Metric:
    """One row of the table.

    name: as Airflow takes it, without its prefix. unit: in words. labels: of each series; every emission gives all.
    """

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def prometheus_name(self) -> str:
        """The name in Prometheus."""
        return f"{AIRFLOW_PREFIX}.{self.name}".replace(".", "_")


ATTEMPTS = Metric(
    "tis_sync.job.attempts_total",
    "counter",
    "attempts",
    (JOB_NAME, "result"),
    "Attempts of a job, by result: success, retry (it failed and is repeated), failure (for good), stopped.",
)
LAST_SUCCESS = Metric(
    "tis_sync.job.last_success_timestamp_seconds",
    "gauge",
    "seconds since 1970",
    (JOB_NAME,),
    "When the job last succeeded.",
)
DURATION = Metric(
    "tis_sync.job.duration_seconds", "gauge", "seconds", (JOB_NAME,), "How long the last successful run worked."
)
ROWS = Metric(
    "tis_sync.job.rows",
    "gauge",
    "rows or documents",
    (JOB_NAME, "count"),
    "The counts of the last successful run's report: read, added, changed, removed, unchanged, refreshed, left_out.",
)
HEADROOM = Metric(
    "tis_sync.job.guard_rail_headroom_percent",
    "gauge",
    "per cent",
    (JOB_NAME, "limit"),
    "The part of a guard-rail limit that the last run left unused; below 0 if the limit stopped it. Up to 100 rows use "
    "nothing.",
)
INDEX_BUILT = Metric(
    "tis_sync.index.built_timestamp_seconds",
    "gauge",
    "seconds since 1970",
    (INDEX,),
    "When the build of the live index started; 0 if no build made it. Its age is the time since then.",
)
INDEX_DOCUMENTS = Metric(
    "tis_sync.index.documents",
    "gauge",
    "documents",
    (INDEX,),
    "Documents of the live index; 0 if no index is live.",
)
LOAD_RATE = Metric(
    "tis_sync.index.load_documents_per_second",
    "gauge",
    "documents per second",
    (INDEX,),
    "How fast the last build loaded documents into the new index.",
)
PHASE_DURATION = Metric(
    "tis_sync.index.phase_duration_seconds",
    "gauge",
    "seconds",
    (INDEX, "phase"),
    "How long each phase of the last build took. Each is a span, too.",
)

METRICS = (
    ATTEMPTS,
    LAST_SUCCESS,
    DURATION,
    ROWS,
    HEADROOM,
    INDEX_BUILT,
    INDEX_DOCUMENTS,
    LOAD_RATE,
    PHASE_DURATION,
)
