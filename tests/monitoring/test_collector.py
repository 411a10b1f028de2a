"""Metrics and spans of real processes, through a real collector and Prometheus, with the files of the deployment."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.processes import Service, stop
from sync_airflow.monitoring.metrics import METRICS
from sync_jobs.catalogue import JOBS
from tests.monitoring.prometheus import COLLECTOR, PROMETHEUS, ROOT, Collector, Prometheus
from tests.monitoring.test_monitoring_files import expressions
from tests.otlp_receiver import OtlpReceiver, otlp_receiver
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.skipif(COLLECTOR is None, reason="no otelcol: tests/monitoring/build_collector.sh builds it"),
    pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed"),
]

SECONDS = 60

Emit = Callable[..., None]


@pytest.fixture
def jaeger() -> Iterator[OtlpReceiver]:
    """In place of Jaeger: takes the spans that the collector passes on."""
    with otlp_receiver() as receiver:
        yield receiver


@pytest.fixture
def services() -> Iterator[list[Service]]:
    services: list[Service] = []
    try:
        yield services
    finally:
        stop(services, patience=5)


@pytest.fixture
def collector(tmp_path: Path, jaeger: OtlpReceiver, services: list[Service]) -> Collector:
    collector = Collector(tmp_path, jaeger.url)
    services.append(collector.start())
    return collector


@pytest.fixture
def prometheus(tmp_path: Path, collector: Collector, services: list[Service]) -> Prometheus:
    prometheus = Prometheus(tmp_path, f"127.0.0.1:{collector.prometheus}")
    services.append(prometheus.start())
    return prometheus


@pytest.fixture
def emit(tmp_path: Path, collector: Collector) -> Emit:
    """Runs a process that sends what attempts of all jobs with these results send, and ends."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OTEL_"))}
    environment |= collector.environment
    environment |= {"AIRFLOW_HOME": str(tmp_path / "airflow"), "PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}"}

    def run(*results: str) -> None:
        command = [sys.executable, "-m", "tests.monitoring.emitter", *results]
        ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    return run


def test_what_tasks_send_reaches_every_panel_and_adds_up_although_each_task_is_a_process(
    prometheus: Prometheus, emit: Emit, jaeger: OtlpReceiver
) -> None:
    emit("success")
    names = {metric.prometheus_name for metric in METRICS}
    wait_for("all metrics", lambda: all(prometheus.query(name) for name in names), SECONDS)
    for metric in METRICS:
        for series in prometheus.query(metric.prometheus_name):
            assert set(metric.labels) <= set(series["metric"])
    successes = 'airflow_tis_sync_job_attempts_total{result="success"}'
    assert {series["value"][1] for series in prometheus.query(successes)} == {"1"}
    assert [span.name for span in jaeger.spans] == ["index build: load"]

    emit("success", "retry", "failure")

    def counts(result: str) -> set[str]:
        found = prometheus.query(f'airflow_tis_sync_job_attempts_total{{result="{result}"}}')
        return {series["value"][1] for series in found}

    wait_for("two successes of each job", lambda: counts("success") == {"2"}, SECONDS)
    wait_for("one failure of each job", lambda: counts("failure") == {"1"}, SECONDS)
    assert counts("retry") == {"1"}
    assert len(prometheus.query(successes)) == len(JOBS)

    wait_for("an alert on the failures", lambda: prometheus.alerts()["JobFailed"] == "firing", SECONDS)
    assert prometheus.alerts()["SearchIndexTooOld"] == "pending"  # the index of the test is years old
    silent = [
        (where, expression)
        for where, expression, _ in expressions()
        if where.startswith("panel") and not prometheus.query(expression)
    ]
    assert silent == []


def test_a_metric_stays_in_prometheus_when_nobody_sends_it(prometheus: Prometheus, emit: Emit) -> None:
    emit("success")
    name = "airflow_tis_sync_job_last_success_timestamp_seconds"
    (first, *_) = wait_for("the metric", lambda: prometheus.query(name), SECONDS)
    (sampled, _) = first["value"]
    later = wait_for("a later sample", lambda: prometheus.query(f"timestamp({name}) > {sampled}"), SECONDS)
    assert len(later) == len(JOBS)
