"""Airflow settings with which metrics or spans would be lost without a sign."""

import pytest

from sync_airflow.monitoring.settings_check import problems

STATSD = {"STATSD_ON": "True", "STATSD_INFLUXDB_ENABLED": "True"}
OTEL = {"OTEL_ON": "True"}
COLLECTOR = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
    "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=airflow",
    "OTEL_TRACES_EXPORTER": "otlp_proto_http",
}


def found(
    monkeypatch: pytest.MonkeyPatch,
    metrics: dict[str, str],
    environment: dict[str, str] | None = None,
    *,
    installed: tuple[str, ...] = ("statsd", "datadog"),
    traces: bool = False,
) -> list[str]:
    """The problems of an Airflow with these settings of [metrics] and these other variables."""
    for name, value in metrics.items():
        monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)
    monkeypatch.setenv("AIRFLOW__TRACES__OTEL_ON", str(traces))
    return problems(environment or {}, lambda package: package in installed)


def test_metrics_that_are_off_are_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, {}) == []


@pytest.mark.parametrize(("metrics", "environment"), [(STATSD, {}), (OTEL, COLLECTOR)])
def test_settings_that_let_everything_through_are_no_problem(
    monkeypatch: pytest.MonkeyPatch, metrics: dict[str, str], environment: dict[str, str]
) -> None:
    assert found(monkeypatch, metrics, environment, traces=metrics == OTEL) == []


def test_statsd_without_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = found(monkeypatch, STATSD, installed=())
    assert problem.startswith("All metrics are lost: AIRFLOW__METRICS__STATSD_ON is set, but the Python package statsd")


def test_datadog_without_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = found(monkeypatch, {"STATSD_DATADOG_ENABLED": "True"}, installed=("statsd",))
    assert "the Python package datadog is not installed" in problem


def test_statsd_without_labels_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = found(monkeypatch, {"STATSD_ON": "True"})
    assert problem.startswith("Metrics lose their labels")


def test_statsd_beside_opentelemetry_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = found(monkeypatch, STATSD | OTEL, COLLECTOR)
    assert problem.startswith("OpenTelemetry gets no metrics: Airflow uses StatsD alone")


@pytest.mark.parametrize(
    ("missing", "start"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "All metrics are lost: AIRFLOW__METRICS__OTEL_ON is set without OTEL_EXPORTER"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Counters of tasks stay at 1"),
        ("OTEL_RESOURCE_ATTRIBUTES", "Every task begins series of its own"),
    ],
)
def test_a_missing_variable_of_opentelemetry_is_named(
    monkeypatch: pytest.MonkeyPatch, missing: str, start: str
) -> None:
    (problem,) = found(monkeypatch, OTEL, {name: value for name, value in COLLECTOR.items() if name != missing})
    assert problem.startswith(start)


def test_spans_without_an_address_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = found(monkeypatch, {}, traces=True)
    assert problem.startswith("All spans are lost: AIRFLOW__TRACES__OTEL_ON is set without OTEL_EXPORTER_OTLP_ENDPOINT")


def test_spans_sent_by_grpc_to_the_port_for_http_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    (problem,) = found(monkeypatch, {}, environment, traces=True)
    assert problem.startswith("All spans are lost: without OTEL_TRACES_EXPORTER=otlp_proto_http")
    assert found(monkeypatch, {}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"}, traces=True) == []
