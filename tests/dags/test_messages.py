"""Messages of real DAG runs, sent to a local server in place of Slack."""

import json
import re
import time
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from airflow.sdk import DAG, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from local.ports import HOST, any_free_port
from sync_airflow.messages.announcements import announce_failure, announce_unreported_failure, announces_failure
from sync_airflow.messages.slack import log_that_messages_are_off, send
from sync_airflow.tasks import job_operator
from sync_jobs.errors import TransientError
from sync_jobs.postgres.locks import advisory_lock
from tests.dags.lost_funding import JOB, run
from tests.slack_server import SlackServer

COUNTS = "1 read, 0 added, 1 changed, 0 removed, 0 unchanged, 0 refreshed, 0 left out"


pytestmark = pytest.mark.usefixtures("metadata")


def test_a_job_announces_its_start_and_its_counts(dag: DAG, slack: SlackServer) -> None:
    assert run(dag) == "success"
    started, finished = slack.texts
    assert started.startswith(f"*{JOB.name}* started for 2024-02-29: manual__")
    assert finished.startswith(f"*{JOB.name}* finished for 2024-02-29 in ")
    assert finished.endswith(f" s: {COUNTS}")
    assert {(message["path"], message["channel"]) for message in slack.messages} == {
        ("/api/chat.postMessage", "#tis-sync")
    }
    assert slack.tokens == {"Bearer xoxb-of-a-test"}


def test_a_final_failure_is_announced_with_its_reason_and_a_link_to_the_log(
    dag: DAG, slack: SlackServer, job_connection: psycopg.Connection[Any]
) -> None:
    with advisory_lock(job_connection, JOB.name):
        assert run(dag) == "failed"
    started, failed = slack.texts
    assert "started" in started
    assert failed.startswith(f"<!channel> *{JOB.name}* failed: {JOB.name} is already running")
    assert f"/dags/{JOB.dag_id}/runs/manual__" in failed
    assert failed.endswith("/tasks/run_job?try_number=2|Log of run_job>")


def test_only_the_class_of_an_unexpected_error_is_announced(
    dag: DAG, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("Surname: Somebody")

    monkeypatch.setattr(job_operator, "open_postgres", fail)
    assert run(dag) == "failed"
    started, failed = slack.texts
    assert "started" in started
    assert failed.startswith(f"<!channel> *{JOB.name}* failed: LookupError, see its log\n")
    assert "try_number=2" in failed
    assert "Somebody" not in failed


def test_a_postgresql_that_is_down_is_announced_after_the_last_attempt_without_the_password(
    dag: DAG, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TCS_POSTGRES", f"postgres://somebody:secret@{HOST}:{any_free_port()}/tcs")
    assert run(dag) == "failed"
    _, failed = slack.texts
    assert "Connection refused. Make sure that it is running" in failed
    assert "try_number=2" in failed
    assert "secret" not in failed


TROUBLES = {
    "wrong token": "SlackApiError: .*invalid_auth",
    "nobody listens": "URLError: .*Connection refused",
    "no answer": "TimeoutError: timed out",
    "no channel": "ValueError: the extra of connection slack_default does not name a channel",
    "no token": "AirflowNotFoundException: .* does not contain password",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_message_that_cannot_be_sent_is_one_warning_in_the_log_of_a_successful_job(
    dag: DAG, slack: SlackServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    connections = {
        "nobody listens": slack.connection(base_url=f"http://{HOST}:{any_free_port()}/"),
        "no answer": slack.connection(timeout=1),
        "no channel": slack.connection(channel=""),
        "no token": json.dumps({"conn_type": "slack", "extra": {"channel": "#tis-sync"}}),
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", connections.get(trouble, slack.connection()))
    slack.hanging = trouble == "no answer"
    slack.answer = {"ok": False, "error": "invalid_auth"}
    assert run(dag) == "success"
    lines = [record for record in caplog.records if record.name.startswith("sync_airflow.messages.slack")]
    assert [record.levelname for record in lines] == ["WARNING", "WARNING"]  # start and end
    for record in lines:
        assert re.match(f"A message could not be sent to Slack: {TROUBLES[trouble]}", record.getMessage())


def test_without_a_connection_no_message_is_sent_and_this_is_logged_once(
    dag: DAG, slack: SlackServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SLACK_DEFAULT")
    log_that_messages_are_off.cache_clear()
    assert run(dag) == "success"
    lines = [record for record in caplog.records if record.name.startswith("sync_airflow.messages.slack")]
    assert [(record.levelname, record.getMessage()) for record in lines] == [
        ("INFO", "The connection slack_default does not exist: no messages are sent to Slack.")
    ]
    assert slack.messages == []


def test_a_missing_answer_costs_only_seconds(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", slack.connection())
    slack.hanging = True
    begin = time.monotonic()
    send("text")
    assert time.monotonic() - begin < 5


def context(dag: DAG, task_id: str, states: dict[str, str], **more: object) -> Context:
    """The context of an Airflow callback. states: of the run's tasks."""

    def get_task_states(task_ids: list[str], **_: object) -> dict[str, dict[str, str]]:
        return {"1": {task_id: states[task_id] for task_id in task_ids if task_id in states}}

    ti = SimpleNamespace(log_url="http://airflow/log", get_task_states=get_task_states, xcom_push=lambda **_: None)
    run = SimpleNamespace(run_id="1")
    return cast(Context, {"dag": dag, "task": dag.get_task(task_id), "ti": ti, "dag_run": run} | more)


def test_only_one_of_several_failed_sensors_of_a_run_is_announced(dags: dict[str, DAG], slack: SlackServer) -> None:
    dag = dags["person_elastic_search_sync_job"]
    waits = sorted(task.task_id for task in dag.tasks if task.task_id.startswith("wait_for_"))
    assert len(waits) == 3
    for wait in waits:
        announce_failure(
            context(dag, wait, dict.fromkeys(waits, "failed"), exception=AirflowFailException("upstream failed"))
        )
    assert slack.texts == [
        f"<!channel> *PersonElasticSearchSyncJob* failed: upstream failed\n<http://airflow/log|Log of {waits[0]}>"
    ]


def test_recovery_announces_the_jobs_to_run_again_although_earlier_jobs_have_failed(
    dags: dict[str, DAG], slack: SlackServer
) -> None:
    error = AirflowFailException("Run again, in this order, with run_date 2024-02-29: PostTrainingBodyTrustJob")
    announce_failure(context(dags["recovery"], "summary", {"post_training_body_trust_job": "failed"}, exception=error))
    assert slack.texts == [
        f"<!channel> *Recovery: all jobs in order* failed: {error}\n<http://airflow/log|Log of summary>"
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AirflowTaskTimeout("PID 1"), "it exceeded its time limit"),
        (SystemExit("stopped"), "SystemExit, see its log"),
        (TransientError("connection lost"), "connection lost"),
        (ValueError("Jane Doe"), "ValueError, see its log"),
    ],
)
def test_only_our_own_error_texts_are_announced(
    dags: dict[str, DAG], slack: SlackServer, error: BaseException, reason: str
) -> None:
    announce_failure(context(dags[JOB.dag_id], "run_job", {}, exception=error))
    assert f"failed: {reason}\n" in slack.texts[0]


@pytest.mark.parametrize(
    ("reported", "reason", "text"),
    [
        (["run_job"], "task_failure", None),
        ([], "task_failure", "it stopped without reporting a reason (was the process killed?)"),
        ([], "timed_out", "it exceeded its time limit"),
    ],
)
def test_a_failure_that_no_task_has_reported_is_announced_by_the_dag(
    dags: dict[str, DAG],
    slack: SlackServer,
    monkeypatch: pytest.MonkeyPatch,
    reported: list[str],
    reason: str,
    text: str | None,
) -> None:
    dag = dags[JOB.dag_id]
    this = context(dag, "run_job", {}, run_id="1", reason=reason)
    monkeypatch.setattr(this["ti"], "xcom_pull", lambda task_ids, **_: task_ids in reported or None, raising=False)
    announce_unreported_failure(this)
    assert slack.texts == (
        [f"<!channel> *{JOB.name}* failed: {text}\n<http://airflow/log|Log of run_job>"] if text else []
    )


def test_every_dag_announces_a_failure_that_its_tasks_did_not_report(dags: dict[str, DAG]) -> None:
    assert [dag_id for dag_id, dag in dags.items() if dag.on_failure_callback is not announce_unreported_failure] == []


def test_every_task_announces_its_failure_except_the_jobs_of_recovery(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        for task in dag.tasks:
            announces = announces_failure(task)
            expected = dag.dag_id != "recovery" or task.task_id == "summary"
            assert announces == expected, f"{dag.dag_id}.{task.task_id}: set on_failure_callback by default_args"
