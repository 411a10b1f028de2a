"""Messages by notifiers that a deployment has chosen: e-mail to a real mail server, and any class of Airflow."""

import copy
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import psycopg
import pytest
from airflow.sdk import DAG, BaseNotifier, Context

from local.ports import HOST, any_free_port
from sync_airflow.messages import notifiers, sending
from sync_airflow.messages.texts import Message
from sync_airflow.tasks import job_operator
from sync_jobs.catalogue import find_job
from tests.mail_server import MailServer, mail_server

pytestmark = pytest.mark.usefixtures("metadata")

JOB = find_job("PostFundingStatusSyncJob")
SETTING = "AIRFLOW__TIS_SYNC__NOTIFIERS"
MAIL = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
ARGUMENTS = {"to": "team@example.org", "subject": "TIS sync: {{ subject }}", "html_content": "{{ html }}"}
URGENT = Message("J", " failed: {{ 1 + 1 }} <b>", urgent=True)
QUIET = Message("J", " started")


class KeepingNotifier(BaseNotifier):
    """Keeps what its template shows."""

    template_fields = ("text",)
    kept: ClassVar[list[str]] = []

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Context) -> None:
        assert set(context) == {"subject", "message", "html", "urgent"}
        self.kept.append(self.text)


KEEPING = f"{__name__}.{KeepingNotifier.__name__}"


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server, with the connection that Airflow's notifier uses. There is no Slack."""
    monkeypatch.delenv("AIRFLOW_CONN_SLACK_DEFAULT", raising=False)
    with mail_server() as server:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", server.connection())
        yield server


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    KeepingNotifier.kept.clear()


def choose(monkeypatch: pytest.MonkeyPatch, *entries: dict[str, Any]) -> None:
    monkeypatch.setenv(SETTING, json.dumps(entries))


def test_a_failure_of_a_job_goes_out_by_e_mail_and_its_start_does_not(
    dags: dict[str, DAG], tcs: psycopg.Connection, job_dsn: str, monkeypatch: pytest.MonkeyPatch, mail: MailServer
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("Surname: Somebody")

    assert not tcs.closed
    monkeypatch.setenv("AIRFLOW_CONN_TCS_POSTGRES", job_dsn)
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", f"elasticsearch://{HOST}:{any_free_port()}")
    monkeypatch.setattr(job_operator, "open_postgres", fail)
    choose(monkeypatch, {"notifier": MAIL, "arguments": ARGUMENTS})
    dag = copy.deepcopy(dags[JOB.dag_id])
    run_job = dag.get_task("run_job")
    run_job.retries, run_job.retry_delay = 0, timedelta(0)
    assert dag.test(run_conf={"run_date": "2024-02-29", "confirm_run_date": True}).state == "failed"
    (message,) = mail.messages
    assert message["subject"] == f"TIS sync: URGENT: {JOB.name}"
    assert (message["from"], mail.recipients) == ("sync@example.org", ["team@example.org"])
    body = message.get_body()
    assert body is not None
    text = body.get_content()
    assert f"<b>{JOB.name}</b> failed: LookupError, see its log<br><a href=" in text
    assert "Somebody" not in message.as_string()


def test_a_notifier_gets_urgent_messages_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    urgent = {"notifier": KEEPING, "arguments": {"text": "urgent: {{ message }}"}}
    everything = {"notifier": KEEPING, "arguments": {"text": "all: {{ message }}"}, "messages": "all"}
    choose(monkeypatch, urgent, everything)
    notifiers.send(QUIET)
    notifiers.send(URGENT)
    assert KeepingNotifier.kept == [
        "all: J started",
        "urgent: J failed: {{ 1 + 1 }} <b>",
        "all: J failed: {{ 1 + 1 }} <b>",
    ]


def test_templates_see_only_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, {"notifier": KEEPING, "arguments": {"text": "{{ exception is defined }} {{ ti is defined }}"}})
    notifiers.send(URGENT)
    assert KeepingNotifier.kept == ["False False"]


def test_a_mail_server_that_is_down_is_one_warning_and_others_get_the_message(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    down = MailServer(any_free_port()).connection()
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", down)
    mail_first = {"notifier": MAIL, "arguments": ARGUMENTS}
    choose(monkeypatch, mail_first, {"notifier": KEEPING, "arguments": {"text": "{{ message }}"}})
    sending.send(URGENT)
    lines = [record for record in caplog.records if record.name == notifiers.__name__]
    assert [record.levelname for record in lines] == ["WARNING"]
    assert lines[0].getMessage().startswith(f"A message could not be sent by {MAIL}: ")
    assert KeepingNotifier.kept == ["J failed: {{ 1 + 1 }} <b>"]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("[", f"{SETTING}: expected a JSON list: "),
        ('{"notifier": "x"}', f"{SETTING}: expected a JSON list of objects"),
        ('[{"class": "x"}]', f"{SETTING}: expected each entry to have notifier"),
        ('[{"notifier": "x.Y", "messages": "some"}]', f"{SETTING}: expected each entry to have notifier"),
        ('[{"notifier": "nowhere.Notifier"}]', f"{SETTING}: nowhere.Notifier cannot be used: ModuleNotFoundError"),
        ('[{"notifier": "pathlib.Path"}]', f"{SETTING}: pathlib.Path cannot be used: TypeError: pathlib.Path is not a"),
        (f'[{{"notifier": "{KEEPING}"}}]', f"{SETTING}: {KEEPING} cannot be used: TypeError: "),
    ],
)
def test_a_wrong_setting_is_named_at_the_start_and_never_fails_a_job(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, setting: str, problem: str
) -> None:
    monkeypatch.setenv(SETTING, setting)
    (found,) = notifiers.problems()
    assert found.startswith(problem)
    notifiers.send(URGENT)
    assert "A message could not be sent" in caplog.text


def test_without_the_setting_there_is_no_notifier() -> None:
    assert notifiers.chosen_notifiers() == []
    assert notifiers.problems() == []
