"""What is measured of each attempt of a job, and of the live index."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from sync_airflow.monitoring import metrics
from sync_airflow.monitoring.emission import count, set_gauge
from sync_jobs.errors import GuardRail, SyncJobError, TransientError
from sync_jobs.parameter_names import DRY_RUN
from sync_jobs.report import COUNTS

if TYPE_CHECKING:
    from airflow.sdk import Context
    from elasticsearch import Elasticsearch

    from sync_jobs.report import Report
    from sync_jobs.search.definition import IndexDefinition

# The phase of a build in which all documents are sent.
LOAD = "load"

log = logging.getLogger(__name__)


@contextmanager
def attempt_measured(context: Context, job_name: str) -> Iterator[None]:
    """Count an attempt of a job by its result. A dry run is not counted, nor is a run that skips itself."""
    if context["params"][DRY_RUN]:
        yield
        return
    for result in metrics.RESULTS:
        count(metrics.ATTEMPTS, 0, job_name=job_name, result=result)
    try:
        yield
    except AirflowSkipException:
        raise
    except BaseException as error:
        count(metrics.ATTEMPTS, job_name=job_name, result=result_of(context, error))
        if isinstance(error, GuardRail):
            measure_headroom(job_name, error.headroom)
        raise
    count(metrics.ATTEMPTS, job_name=job_name, result=metrics.SUCCESS)


def result_of(context: Context, error: BaseException) -> str:
    """What Airflow makes of an attempt that ends with this error."""
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return metrics.STOPPED
    lasts = isinstance(error, SyncJobError | AirflowFailException) and not isinstance(error, TransientError)
    ti = context["ti"]
    return metrics.FAILURE if lasts or ti.try_number > ti.max_tries else metrics.RETRY


def measure_success(report: Report) -> None:
    """The numbers of a job that has succeeded. A dry run has done nothing, so nothing is measured."""
    if report.dry_run:
        return
    set_gauge(metrics.LAST_SUCCESS, time.time(), job_name=report.job)
    set_gauge(metrics.DURATION, report.seconds, job_name=report.job)
    for name in COUNTS:
        set_gauge(metrics.ROWS, getattr(report, name), job_name=report.job, count=name)
    measure_headroom(report.job, report.headroom)


def measure_headroom(job_name: str, headroom: Mapping[str, float]) -> None:
    """headroom: by the name of the limit, of sync_jobs.guard_rail.check_guard_rails."""
    for limit, percent in headroom.items():
        set_gauge(metrics.HEADROOM, percent, job_name=job_name, limit=limit)


def measure_build(definition: IndexDefinition, report: Report) -> None:
    """The phases of an index build, and its rate. Nothing of a dry run."""
    if report.dry_run:
        return
    for phase, seconds in report.phases.items():
        set_gauge(metrics.PHASE_DURATION, seconds, index=definition.alias, phase=phase.replace(" ", "_"))
    if report.phases.get(LOAD):
        set_gauge(metrics.LOAD_RATE, report.read / report.phases[LOAD], index=definition.alias)


def measure_live_index(definition: IndexDefinition, client: Elasticsearch) -> None:
    """When the live index was built, and its documents. Never raises: if Elasticsearch fails, the log has a warning."""
    # Imported here, because it imports the client; DAG files must not.
    from sync_jobs.search.index_alias import built_at, find_live  # noqa: PLC0415
    from sync_jobs.search.reads import count  # noqa: PLC0415

    alias = definition.alias
    try:
        name = find_live(client, alias).name
        documents = count(client, name) if name else 0
    except Exception as error:  # no job may fail because of a metric
        log.warning("The live index of %s could not be measured: %s", alias, type(error).__name__)
        return
    built = built_at(name) if name else None
    set_gauge(metrics.INDEX_BUILT, built.timestamp() if built else 0, index=alias)
    set_gauge(metrics.INDEX_DOCUMENTS, documents, index=alias)
