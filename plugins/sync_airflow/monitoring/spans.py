"""Spans of the phases of an index build, in Airflow's traces ([traces] otel_on). Without them, nothing happens.

A span has names and numbers only: of an error, its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

# Airflow sets the provider before a task starts.
tracer = trace.get_tracer("tis_sync")


def phase_spans(job_name: str, alias: str) -> Callable[[str], AbstractContextManager[None]]:
    """For sync_jobs.runner.run_job: each phase is a span below that of the task.

    alias: of the index that is built.
    """

    @contextmanager
    def span_of(phase: str) -> Iterator[None]:
        attributes = {"tis_sync.job_name": job_name, "tis_sync.index": alias, "tis_sync.phase": phase}
        with tracer.start_as_current_span(
            f"index build: {phase}", attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    return span_of
