"""Messages of real DAG runs, to a server on this machine that takes Slack's place."""

import copy
import json
import re
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from airflow.sdk import DAG, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from local.ports import HOST, any_free_port
from sync_airflow.messages.announcements import announce_failure, announce_untold_failure, announces_failure
from sync_airflow.messages.slack import say_that_it_is_off, send
from sync_airflow.tasks import job_operator
from sync_jobs.catalogue import find_job
from sync_jobs.errors import TransientError
from sync_jobs.postgres.locks import advisory_lock
from tests.slack_server import SlackServer

JOB = find_job("PostFundingStatusSyncJob")  # needs PostgreSQL alone, and nothing runs after it
COUNTS = "1 read, 0 added, 1 changed, 0 removed, 0 unchanged, 0 rejected"
POST = "INSERT INTO post (id, funding_status) VALUES (1, 'CURRENT')"
FUNDING = "INSERT INTO post_funding (id, post_id, start_date, end_date) VALUES (1, 1, '2024-01-01', '2024-02-28')"


pytestmark = pytest.mark.usefixtures("metadata")


@pytest.fixture
def dag(
    dags: dict[str, DAG],
    tcs: psycopg.Connection,
    job_dsn: str,
    monkeypatch: pytest.MonkeyPatch,
) -> DAG:
    """The job's DAG on a database in which one post has lost its funding; tried again once, and at once."""
    tcs.execute(POST)
    tcs.execute(FUNDING)
    monkeypatch.setenv("AIRFLOW_CONN_TCS_POSTGRES", job_dsn)
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", f"elasticsearch://{HOST}:{any_free_port()}")
    dag = copy.deepcopy(dags[JOB.dag_id])
    run_job = dag.get_task("run_job")
    run_job.retries, run_job.retry_delay = 1, timedelta(0)
    return dag


def run(dag: DAG, **conf: object) -> str:
    """The end state of a run for 29 February 2024, with whatever else it is asked for."""
    state: str = dag.test(run_conf={"run_date": "2024-02-29"} | conf).state
    return state


def test_a_job_tells_its_start_and_its_counts(dag: DAG, slack: SlackServer) -> None:
    assert run(dag) == "success"
    started, finished = slack.texts
    assert started.startswith(f"*{JOB.name}* started for 2024-02-29: manual__")
    assert finished.startswith(f"*{JOB.name}* finished for 2024-02-29 in ")
    assert finished.endswith(f" s: {COUNTS}")
    assert {(message["path"], message["channel"]) for message in slack.messages} == {
        ("/api/chat.postMessage", "#tis-sync")
    }
    assert slack.tokens == {"Bearer xoxb-of-a-test"}


def test_a_failure_is_told_to_the_channel_with_its_reason_and_the_log_once_it_is_not_tried_again(
    dag: DAG, slack: SlackServer, job_connection: psycopg.Connection[Any]
) -> None:
    with advisory_lock(job_connection, JOB.name):
        assert run(dag) == "failed"
    started, failed = slack.texts
    assert "started" in started
    assert failed.startswith(f"<!channel> *{JOB.name}* failed: {JOB.name} is already running")
    assert f"/dags/{JOB.dag_id}/runs/manual__" in failed
    assert failed.endswith("/tasks/run_job?try_number=2|Log of run_job>")


def test_an_error_not_of_our_own_is_told_by_its_class_alone(
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


def test_a_postgresql_that_is_down_is_told_in_its_words_and_no_password_after_the_last_attempt(
    dag: DAG, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TCS_POSTGRES", f"postgres://somebody:secret@{HOST}:{any_free_port()}/tcs")
    assert run(dag) == "failed"
    _, failed = slack.texts
    assert "Connection refused. Make sure that it runs" in failed
    assert "try_number=2" in failed
    assert "secret" not in failed


TROUBLES = {
    "wrong token": "SlackApiError: .*invalid_auth",
    "nobody listens": "URLError: .*Connection refused",
    "no answer": "TimeoutError: timed out",
    "no channel": "ValueError: the extra of connection slack_default names no channel",
    "no token": "AirflowNotFoundException: .* does not contain password",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_message_that_cannot_be_sent_is_one_line_in_the_log_of_a_job_that_goes_well(
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


def test_without_a_connection_no_message_is_sent_and_that_is_said_once(
    dag: DAG, slack: SlackServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_SLACK_DEFAULT")
    say_that_it_is_off.cache_clear()
    assert run(dag) == "success"
    lines = [record for record in caplog.records if record.name.startswith("sync_airflow.messages.slack")]
    assert [(record.levelname, record.getMessage()) for record in lines] == [
        ("INFO", "There is no connection slack_default: no messages are sent to Slack.")
    ]
    assert slack.messages == []


def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_seconds(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", slack.connection())
    slack.hanging = True
    begin = time.monotonic()
    send("text")
    assert time.monotonic() - begin < 5


def context(dag: DAG, task_id: str, states: dict[str, str], **more: object) -> Context:
    """What Airflow hands to a callback. states: of the run's tasks."""

    def get_task_states(task_ids: list[str], **_: object) -> dict[str, dict[str, str]]:
        return {"1": {task_id: states[task_id] for task_id in task_ids if task_id in states}}

    ti = SimpleNamespace(log_url="http://airflow/log", get_task_states=get_task_states, xcom_push=lambda **_: None)
    run = SimpleNamespace(run_id="1")
    return cast(Context, {"dag": dag, "task": dag.get_task(task_id), "ti": ti, "dag_run": run} | more)


def test_of_several_waits_that_were_in_vain_in_one_run_one_is_told(dags: dict[str, DAG], slack: SlackServer) -> None:
    dag = dags["person_elastic_search_sync_job"]
    waits = sorted(task.task_id for task in dag.tasks if task.task_id.startswith("wait_for_"))
    assert len(waits) == 3
    for wait in waits:
        announce_failure(context(dag, wait, dict.fromkeys(waits, "failed"), exception=AirflowFailException("in vain")))
    assert slack.texts == [
        f"<!channel> *PersonElasticSearchSyncJob* failed: in vain\n<http://airflow/log|Log of {waits[0]}>"
    ]


def test_recovery_tells_at_its_end_what_is_to_be_run_again_though_jobs_before_have_failed(
    dags: dict[str, DAG], slack: SlackServer
) -> None:
    error = AirflowFailException("To be run again, in this order, with run_date 2024-02-29: PostTrainingBodyTrustJob")
    announce_failure(context(dags["recovery"], "summary", {"post_training_body_trust_job": "failed"}, exception=error))
    assert slack.texts == [
        f"<!channel> *Recovery: all jobs in order* failed: {error}\n<http://airflow/log|Log of summary>"
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AirflowTaskTimeout("PID 1"), "it has not ended within its time limit"),
        (SystemExit("told to stop"), "SystemExit, see its log"),
        (TransientError("connection lost"), "connection lost"),
        (ValueError("Jane Doe"), "ValueError, see its log"),
    ],
)
def test_the_reason_is_told_in_words_of_our_own_alone(
    dags: dict[str, DAG], slack: SlackServer, error: BaseException, reason: str
) -> None:
    announce_failure(context(dags[JOB.dag_id], "run_job", {}, exception=error))
    assert f"failed: {reason}\n" in slack.texts[0]


@pytest.mark.parametrize(
    ("told", "reason", "text"),
    [
        (["run_job"], "task_failure", None),
        ([], "task_failure", "it ended without a word, as when its process is killed"),
        ([], "timed_out", "it has not ended within its time limit"),
    ],
)
def test_a_run_whose_failure_no_task_has_told_is_told_by_its_dag(
    dags: dict[str, DAG],
    slack: SlackServer,
    monkeypatch: pytest.MonkeyPatch,
    told: list[str],
    reason: str,
    text: str | None,
) -> None:
    dag = dags[JOB.dag_id]
    this = context(dag, "run_job", {}, run_id="1", reason=reason)
    monkeypatch.setattr(this["ti"], "xcom_pull", lambda task_ids, **_: task_ids in told or None)
    announce_untold_failure(this)
    assert slack.texts == (
        [f"<!channel> *{JOB.name}* failed: {text}\n<http://airflow/log|Log of run_job>"] if text else []
    )


def test_every_dag_tells_a_failure_that_its_tasks_did_not(dags: dict[str, DAG]) -> None:
    assert [dag_id for dag_id, dag in dags.items() if dag.on_failure_callback is not announce_untold_failure] == []


def test_every_task_tells_its_failure_save_those_of_recovery_whose_jobs_do(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        for task in dag.tasks:
            tells = announces_failure(task)
            expected = dag.dag_id != "recovery" or task.task_id == "summary"
            assert tells == expected, f"{dag.dag_id}.{task.task_id}: set on_failure_callback by default_args"
