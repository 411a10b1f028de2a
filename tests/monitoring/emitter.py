"""A process that sends metrics and a span as the process of a task does: started by its caller, it ends at once.

python -m tests.monitoring.emitter success|retry|failure …
"""

import sys
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

from airflow import settings
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
from opentelemetry import trace

from sync_airflow.monitoring import metrics
from sync_airflow.monitoring.emission import set_gauge
from sync_airflow.monitoring.measurements import attempt_measured, measure_build, measure_success
from sync_airflow.monitoring.spans import phase_spans
from sync_jobs.catalogue import JOBS, find_job
from sync_jobs.errors import TransientError
from sync_jobs.guard_rail import full_headroom
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.report import Report

DATE = date(2024, 2, 29)
BUILD = find_job("PersonElasticSearchSyncJob")
REPORT = Report(
    job=BUILD.name,
    run_date=DATE,
    first_date=DATE,
    last_date=DATE,
    dry_run=False,
    seconds=12.5,
    read=1000,
    added=20,
    changed=3,
    removed=4,
    unchanged=977,
    left_out=1,
    phases={"load": 10.0, "refresh": 1.0},
    headroom=full_headroom() | {"maximum_removed_percent": 98.0},
)
ERRORS = {"retry": TransientError("lost"), "failure": AirflowFailException("wrong")}


def main(results: list[str]) -> None:
    """Send what attempts of each job with these results send."""
    settings.initialize()  # the spans, if they are on
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
    stats.incr("scheduler_heartbeat")
    for result in results:
        send(result)
    # A task's process flushes its spans like this; its metrics leave when it ends.
    provider: Any = trace.get_tracer_provider()
    if hasattr(provider, "force_flush"):
        provider.force_flush()


def send(result: str) -> None:
    """Send what the first attempt of each job with this result sends."""
    context = cast(Context, {"params": {"dry_run": False}, "ti": SimpleNamespace(try_number=1, max_tries=3)})
    for job in JOBS:
        try:
            with attempt_measured(context, job.name):
                if result in ERRORS:
                    raise ERRORS[result]
        except (TransientError, AirflowFailException):
            continue
        measure_success(replace(REPORT, job=job.name))
    if result == "success":
        with phase_spans(BUILD.name, PERSONS.alias)("load"):
            measure_build(PERSONS, REPORT)
        set_gauge(metrics.INDEX_BUILT, 1_700_000_000, index=PERSONS.alias)
        set_gauge(metrics.INDEX_DOCUMENTS, 1000, index=PERSONS.alias)


if __name__ == "__main__":
    main(sys.argv[1:])
