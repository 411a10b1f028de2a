"""Whether Airflow's settings let the metrics and spans through. Airflow itself drops them with one line in a log."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from urllib.parse import urlsplit

from airflow.configuration import conf

from sync_airflow.messages import notifiers

# Where OpenTelemetry's own variables say how metrics and spans are sent.
ENDPOINT, METRICS_ENDPOINT, TRACES_ENDPOINT = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)
TEMPORALITY = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
RESOURCE_ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES"
INSTANCE = "service.instance.id"
TRACES_EXPORTER = "OTEL_TRACES_EXPORTER"
HTTP_EXPORTER = "otlp_proto_http"
HTTP_PORT = 4318


def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


@cache
def what_is_lost() -> tuple[str, ...]:
    """The problems of this process with metrics, spans and messages, for logs and the page. Settings do not change."""
    return (*(f"Monitoring: {each}" for each in problems()), *(f"Messages: {each}" for each in notifiers.problems()))


def problems(
    environment: Mapping[str, str] = os.environ, is_installed: Callable[[str], bool] = _is_installed
) -> list[str]:
    """What is lost, why, and what to do; empty if metrics and spans arrive, or if they are off.

    is_installed: whether a Python package is there.
    """
    return [*_of_statsd(is_installed), *_of_metrics(environment), *_of_traces(environment)]


def _is_on(section: str, key: str) -> bool:
    return conf.getboolean(section, key, fallback=False)


def _uses_statsd() -> bool:
    return _is_on("metrics", "statsd_on") or _is_on("metrics", "statsd_datadog_enabled")


def _of_statsd(is_installed: Callable[[str], bool]) -> Iterator[str]:
    if _is_on("metrics", "statsd_datadog_enabled"):
        if not is_installed("datadog"):
            yield _missing("STATSD_DATADOG_ENABLED", "datadog")
        return
    if not _is_on("metrics", "statsd_on"):
        return
    if not is_installed("statsd"):
        yield _missing("STATSD_ON", "statsd")
    if not _is_on("metrics", "statsd_influxdb_enabled"):
        yield (
            "Metrics lose their labels, so the jobs overwrite each other's numbers: AIRFLOW__METRICS__STATSD_ON is set "
            "without AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED. Set that to True."
        )


def _missing(setting: str, package: str) -> str:
    return (
        f"All metrics are lost: AIRFLOW__METRICS__{setting} is set, but the Python package {package} is not installed. "
        f"Install it in every Airflow process, or set AIRFLOW__METRICS__{setting} to False."
    )


def _of_metrics(environment: Mapping[str, str]) -> Iterator[str]:
    if not _is_on("metrics", "otel_on"):
        return
    if _uses_statsd():
        yield (
            "OpenTelemetry gets no metrics: Airflow uses StatsD alone if both are on. Set AIRFLOW__METRICS__OTEL_ON or "
            "AIRFLOW__METRICS__STATSD_ON to False."
        )
        return
    if not (environment.get(METRICS_ENDPOINT) or environment.get(ENDPOINT) or conf.has_option("metrics", "otel_host")):
        yield f"All metrics are lost: AIRFLOW__METRICS__OTEL_ON is set without {ENDPOINT}. Set the collector's address."
    if environment.get(TEMPORALITY, "").lower() != "delta":
        yield (
            "Counters of tasks stay at 1, because each task is a process of its own: AIRFLOW__METRICS__OTEL_ON is set "
            f"without {TEMPORALITY}=delta. Set it, and let the collector add the deltas up "
            "(deploy/monitoring/otel-collector.yaml)."
        )
    if f"{INSTANCE}=" not in environment.get(RESOURCE_ATTRIBUTES, ""):
        yield (
            "Every task begins series of its own, which never change again: OpenTelemetry gives each process an "
            "identity, because AIRFLOW__METRICS__OTEL_ON is set without "
            f"{RESOURCE_ATTRIBUTES}={INSTANCE}=airflow. Set it."
        )


def _of_traces(environment: Mapping[str, str]) -> Iterator[str]:
    if not _is_on("traces", "otel_on"):
        return
    endpoint = environment.get(TRACES_ENDPOINT) or environment.get(ENDPOINT)
    if not (endpoint or conf.has_option("traces", "otel_host")):
        yield f"All spans are lost: AIRFLOW__TRACES__OTEL_ON is set without {ENDPOINT}. Set the collector's address."
    elif endpoint and _port(endpoint) == HTTP_PORT and environment.get(TRACES_EXPORTER, "otlp") == "otlp":
        yield (
            f"All spans are lost: without {TRACES_EXPORTER}={HTTP_EXPORTER}, Airflow sends them by gRPC, which port "
            f"{HTTP_PORT} does not accept. Set it, or use the collector's port for gRPC (4317)."
        )


def _port(endpoint: str) -> int | None:
    try:
        return urlsplit(endpoint).port
    except ValueError:
        return None
