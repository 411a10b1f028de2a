"""A local server in place of an OpenTelemetry collector: it takes metrics and spans over OTLP/HTTP."""

import gzip
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

# Name and labels of a series.
Series = tuple[str, frozenset[tuple[str, str]]]


@dataclass
class OtlpReceiver:
    """bodies: the metrics as they came, in order. The last value of a gauge counts; deltas of a counter add up."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environment(self) -> dict[str, str]:
        """With which an Airflow sends its metrics and spans here."""
        return {
            "AIRFLOW__METRICS__OTEL_ON": "True",
            "AIRFLOW__TRACES__OTEL_ON": "True",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
            "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=airflow",
            "OTEL_TRACES_EXPORTER": "otlp_proto_http",
        }

    def series(self, prefix: str = "") -> dict[Series, float]:
        """The values of all series whose name starts like this."""
        values: dict[Series, float] = {}
        with self.lock:
            bodies = list(self.bodies)
        for body in bodies:
            for metric in _metrics(ExportMetricsServiceRequest.FromString(body)):
                if metric.name.startswith(prefix):
                    for series, value, adds_up in _points(metric):
                        values[series] = value + (values.get(series, 0) if adds_up else 0)
        return values

    def take(self, path: str, body: bytes) -> None:
        with self.lock:
            if path == "/v1/metrics":
                self.bodies.append(body)
            else:
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    self.spans.extend(span for scope in resource.scope_spans for span in scope.spans)


def labels_of(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes of a data point or a span."""
    return {each.key: each.value.string_value for each in attributes}


def _metrics(request: ExportMetricsServiceRequest) -> Iterator[Metric]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


def _points(metric: Metric) -> Iterator[tuple[Series, float, bool]]:
    adds_up = metric.HasField("sum") and metric.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA
    points: Any = metric.sum.data_points if metric.HasField("sum") else metric.gauge.data_points
    for point in points:
        value = point.as_double if point.HasField("as_double") else point.as_int
        yield (metric.name, frozenset(labels_of(point.attributes).items())), value, adds_up


@contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """A receiver on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            receiver.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = OtlpReceiver(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
