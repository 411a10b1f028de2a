"""The metrics and spans of a whole night, as the processes of a real Airflow send them over OpenTelemetry."""

import pytest

from sync_airflow.monitoring import metrics
from sync_jobs.catalogue import JOBS
from tests.otlp_receiver import OtlpReceiver, labels_of
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("running_airflow")

PREFIX = "airflow."
PHASES = ("load", "refresh", "verify", "catch up", "compare", "promote", "cover the swap")
BUILD = "PersonElasticSearchSyncJob"


def test_a_night_sends_every_metric_of_every_job_and_adds_up_its_attempts(telemetry: OtlpReceiver) -> None:
    def jobs_with(metric: metrics.Metric, **labels: str) -> set[str]:
        series = telemetry.series(f"{PREFIX}{metric.name}").items()
        return {
            dict(found)[metrics.JOB_NAME]
            for (_, found), value in series
            if value and labels.items() <= dict(found).items()
        }

    every_job = {job.name for job in JOBS}
    # A process sends what it has when it ends, a moment after its task.
    wait_for("the last success of every job", lambda: jobs_with(metrics.LAST_SUCCESS) == every_job)
    assert jobs_with(metrics.ATTEMPTS, result="success") == every_job
    assert jobs_with(metrics.DURATION) == every_job
    sent = {name.removeprefix(PREFIX) for name, _ in telemetry.series(PREFIX)}
    assert {metric.name for metric in metrics.METRICS} <= sent


def test_the_phases_of_a_build_are_spans_below_that_of_its_task(telemetry: OtlpReceiver) -> None:
    def phases() -> list[str]:
        return [span.name.removeprefix("index build: ") for span in telemetry.spans if span.name.startswith("index")]

    wait_for("the spans of a build", lambda: set(PHASES) <= set(phases()))
    load = next(span for span in telemetry.spans if span.name == "index build: load")
    assert labels_of(load.attributes)["tis_sync.job_name"] == BUILD
    task = wait_for(
        "the span of the task", lambda: [span for span in telemetry.spans if span.span_id == load.parent_span_id]
    )
    assert [span.name for span in task] == ["worker.run_job"]
    assert labels_of(task[0].attributes)["airflow.dag_id"] == "person_elastic_search_sync_job"
