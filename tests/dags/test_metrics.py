"""Metrics and spans of real DAG runs, sent over OpenTelemetry to a local server in place of a collector."""

import atexit
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from airflow.sdk import DAG, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, AirflowTaskTimeout
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
from elasticsearch import Elasticsearch
from opentelemetry import metrics as opentelemetry_metrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import StatusCode

from local import elasticsearch as local_elasticsearch
from local.ports import HOST, any_free_port
from sync_airflow.monitoring import metrics, spans
from sync_airflow.monitoring.emission import set_gauge
from sync_airflow.monitoring.measurements import (
    attempt_measured,
    measure_build,
    measure_live_index,
    measure_success,
    result_of,
)
from sync_airflow.monitoring.spans import phase_spans
from sync_jobs.catalogue import find_job
from sync_jobs.errors import BadArgument, GuardRail, TransientError
from sync_jobs.guard_rail import full_headroom
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.postgres.locks import advisory_lock
from sync_jobs.report import COUNTS, Report
from tests.dags.lost_funding import JOB, run
from tests.otlp_receiver import OtlpReceiver, labels_of, otlp_receiver

pytestmark = pytest.mark.usefixtures("metadata")

BUILD = find_job("PersonElasticSearchSyncJob")
NIGHT = date(2024, 2, 29)
PERSON = "INSERT INTO person (id, status) VALUES (1, 'CURRENT'); INSERT INTO contact_details (id) VALUES (1)"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpReceiver]:
    """Airflow sends its metrics here, and the spans of a build, as in the process of a task."""
    with otlp_receiver() as receiver:
        for name, value in receiver.environment.items():
            monkeypatch.setenv(name, value)
        # Airflow would send once more when this process ends, to a receiver that is gone by then.
        monkeypatch.setattr(atexit, "register", lambda *_: None)
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
        stats.incr("scheduler_heartbeat")  # the first metric opens the exporter
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
        monkeypatch.setattr(spans, "tracer", provider.get_tracer("test"))
        yield receiver
        # It would go on sending at intervals.
        cast(Any, opentelemetry_metrics.get_meter_provider()).shutdown()
        monkeypatch.undo()
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)


def sent(receiver: OtlpReceiver) -> dict[str, dict[frozenset[str], float]]:
    """What has arrived of our own metrics: by name, and by the values of the labels."""
    cast(Any, opentelemetry_metrics.get_meter_provider()).force_flush()
    found: dict[str, dict[frozenset[str], float]] = {}
    for (name, labels), value in receiver.series("airflow.tis_sync.").items():
        found.setdefault(name.removeprefix("airflow."), {})[frozenset(each for _, each in labels)] = value
    return found


def test_a_successful_job_sends_its_numbers(dag: DAG, receiver: OtlpReceiver) -> None:
    before = time.time()
    assert run(dag) == "success"
    found = sent(receiver)
    job = frozenset({JOB.name})
    assert found[metrics.ROWS.name] == {
        job | {count}: {"read": 1.0, "changed": 1.0}.get(count, 0.0) for count in COUNTS
    }
    assert before <= found[metrics.LAST_SUCCESS.name][job] <= time.time()
    assert 0 < found[metrics.DURATION.name][job] < 60
    assert set(found[metrics.HEADROOM.name].values()) == {100.0}
    assert found[metrics.ATTEMPTS.name] == {
        job | {result}: 1.0 if result == "success" else 0.0 for result in metrics.RESULTS
    }


def test_a_job_that_fails_after_its_retry_sends_both_attempts(
    dag: DAG, receiver: OtlpReceiver, job_connection: psycopg.Connection[Any]
) -> None:
    with advisory_lock(job_connection, JOB.name):
        assert run(dag) == "failed"
    found = sent(receiver)
    assert found[metrics.ATTEMPTS.name] == {
        frozenset({JOB.name, result}): {"retry": 1.0, "failure": 1.0}.get(result, 0.0) for result in metrics.RESULTS
    }
    assert metrics.LAST_SUCCESS.name not in found


def test_a_dry_run_sends_nothing(receiver: OtlpReceiver) -> None:
    report = Report(
        job=BUILD.name,
        run_date=NIGHT,
        first_date=NIGHT,
        last_date=NIGHT,
        dry_run=True,
        seconds=1.0,
        phases={"load": 1.0},
        headroom=full_headroom(),
    )
    # Not by a run of the DAG: its dry_run would stay in Airflow's database as the default of the next test's run.
    with attempt_measured(context(dry_run=True), BUILD.name):
        measure_build(PERSONS, report)
    measure_success(report)
    with pytest.raises(LookupError), attempt_measured(context(dry_run=True), BUILD.name):
        raise LookupError("unexpected")
    assert sent(receiver) == {}


@pytest.mark.usefixtures("elasticsearch")
def test_an_index_build_sends_its_phases_as_metrics_and_as_spans_and_the_live_index(
    dags: dict[str, DAG],
    tcs: psycopg.Connection,
    job_dsn: str,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
    receiver: OtlpReceiver,
) -> None:
    tcs.execute(PERSON)
    monkeypatch.setenv("AIRFLOW_CONN_TCS_POSTGRES", job_dsn)
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", f"elasticsearch://{HOST}:{elasticsearch_server.port}")
    before = datetime.now(UTC).timestamp()
    assert run(dags[BUILD.dag_id], run_follow_on_jobs=False) == "success"
    found = sent(receiver)
    assert {metric.name for metric in metrics.METRICS} == set(found), "every metric of the table is sent"
    index = frozenset({"persons"})
    assert found[metrics.INDEX_DOCUMENTS.name] == {index: 1.0}
    assert before - 5 <= found[metrics.INDEX_BUILT.name][index] <= time.time()
    assert found[metrics.LOAD_RATE.name][index] > 0
    phases = {"load", "refresh", "verify", "catch_up", "compare", "promote", "cover_the_swap"}
    assert set(found[metrics.PHASE_DURATION.name]) == {index | {phase} for phase in phases}
    assert [span.name for span in receiver.spans] == [
        f"index build: {phase}"
        for phase in ("load", "refresh", "verify", "catch up", "compare", "promote", "cover the swap")
    ]
    assert labels_of(receiver.spans[0].attributes) == {
        "tis_sync.job_name": BUILD.name,
        "tis_sync.index": "persons",
        "tis_sync.phase": "load",
    }


def test_the_span_of_a_failed_phase_has_only_the_class_of_its_error(receiver: OtlpReceiver) -> None:
    with pytest.raises(LookupError), phase_spans(BUILD.name, "persons")("load"):
        raise LookupError("Surname: Somebody")
    (span,) = receiver.spans
    assert (span.status.code, span.status.message) == (StatusCode.ERROR.value, "LookupError")
    assert not span.events
    assert b"Somebody" not in span.SerializeToString()


def test_a_live_index_that_no_build_made_has_no_age_and_a_missing_one_no_documents(
    elasticsearch: Elasticsearch, receiver: OtlpReceiver
) -> None:
    index = frozenset({"persons"})
    measure_live_index(PERSONS, elasticsearch)
    found = sent(receiver)
    assert (found[metrics.INDEX_BUILT.name], found[metrics.INDEX_DOCUMENTS.name]) == ({index: 0.0}, {index: 0.0})
    elasticsearch.index(index="persons", document={}, refresh=True)
    measure_live_index(PERSONS, elasticsearch)
    found = sent(receiver)
    assert (found[metrics.INDEX_BUILT.name], found[metrics.INDEX_DOCUMENTS.name]) == ({index: 0.0}, {index: 1.0})


def test_an_elasticsearch_that_is_down_is_only_a_warning(
    receiver: OtlpReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    with Elasticsearch(f"http://{HOST}:{any_free_port()}", max_retries=0) as client:
        measure_live_index(PERSONS, client)
    assert sent(receiver) == {}
    assert "The live index of persons could not be measured: ConnectionError" in caplog.text


def context(try_number: int = 1, *, dry_run: bool = False) -> Context:
    """Of an attempt of a task that may be repeated three times."""
    ti = SimpleNamespace(try_number=try_number, max_tries=3)
    return cast(Context, {"ti": ti, "params": {"dry_run": dry_run}})


@pytest.mark.parametrize(
    ("error", "first", "last"),
    [
        (TransientError("lost"), "retry", "failure"),
        (LookupError("unexpected"), "retry", "failure"),
        (AirflowTaskTimeout("too long"), "retry", "failure"),
        (BadArgument("wrong"), "failure", "failure"),
        (AirflowFailException("no connection"), "failure", "failure"),
        (SystemExit("stopped"), "stopped", "stopped"),
    ],
)
def test_the_result_of_an_attempt_is_what_airflow_makes_of_it(error: BaseException, first: str, last: str) -> None:
    assert (result_of(context(1), error), result_of(context(4), error)) == (first, last)


def test_a_guard_rail_that_stops_a_job_sends_its_headroom(receiver: OtlpReceiver) -> None:
    with pytest.raises(GuardRail), attempt_measured(context(), JOB.name):
        raise GuardRail("too many", {"maximum_removed_percent": -150.0})
    found = sent(receiver)
    assert found[metrics.HEADROOM.name] == {frozenset({JOB.name, "maximum_removed_percent"}): -150.0}
    assert found[metrics.ATTEMPTS.name][frozenset({JOB.name, "failure"})] == 1.0


def test_a_run_that_skips_itself_is_no_attempt(receiver: OtlpReceiver) -> None:
    with pytest.raises(AirflowSkipException), attempt_measured(context(), JOB.name):
        raise AirflowSkipException("done by another run")
    assert set(sent(receiver)[metrics.ATTEMPTS.name].values()) == {0.0}


def test_a_metric_that_cannot_be_sent_is_only_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    set_gauge(metrics.ROWS, 1, job_name=JOB.name)
    assert f"The metric {metrics.ROWS.name} could not be emitted: ValueError: expected the labels" in caplog.text


def test_every_metric_has_the_unit_and_kind_in_its_name() -> None:
    assert len({metric.name for metric in metrics.METRICS}) == len(metrics.METRICS)
    for metric in metrics.METRICS:
        assert metric.name.startswith("tis_sync.")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.meaning.endswith(".")
        assert "|" not in metric.meaning
        assert metric.prometheus_name == "airflow_" + metric.name.replace(".", "_")
