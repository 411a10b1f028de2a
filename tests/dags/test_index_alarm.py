"""The alarm: it fails unless the live index was built this night."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from airflow.sdk import DAG
from elasticsearch import Elasticsearch

from local.elasticsearch import Elasticsearch as ElasticsearchServer
from local.ports import HOST, any_free_port
from sync_airflow.dags.index_alarm import build_index_alarm_dag, reason_for_alarm
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.search.index_alias import new_index_name
from tests.slack_server import SlackServer

NIGHT = date(2024, 2, 29)
MIDNIGHT = datetime(2024, 2, 29, tzinfo=UTC)
NAME = "persons-x"
SETTING = "AIRFLOW__TIS_SYNC__INDEX_ALARM_AT"


pytestmark = pytest.mark.usefixtures("metadata")


@pytest.mark.parametrize("built", [MIDNIGHT, MIDNIGHT + timedelta(hours=1, minutes=29), MIDNIGHT + timedelta(days=1)])
def test_an_index_built_since_midnight_is_no_alarm(built: datetime) -> None:
    assert reason_for_alarm(PERSONS, NAME, built, NIGHT) is None


@pytest.mark.parametrize(
    ("name", "built", "found"),
    [
        (NAME, MIDNIGHT - timedelta(microseconds=1), "The live index persons-x was built at 2024-02-28 23:59 UTC"),
        (NAME, MIDNIGHT - timedelta(days=30), "The live index persons-x was built at 2024-01-30 00:00 UTC"),
        ("persons", None, "The live index persons was not made by a build"),
        (None, None, "No index is behind the alias persons"),
    ],
)
def test_any_other_index_is_an_alarm_that_says_what_to_do(name: str | None, built: datetime | None, found: str) -> None:
    assert reason_for_alarm(PERSONS, name, built, NIGHT) == (
        f"{found}; expected an index built since 2024-02-29 00:00 UTC. "
        "Find out why PersonElasticSearchSyncJob did not run or failed, then run recovery."
    )


@pytest.mark.parametrize(
    ("setting", "cron"), [(None, "0 7 * * *"), ("05:30", "30 5 * * *"), ("off", None), (" OFF ", None)]
)
def test_the_time_of_the_alarm_is_a_setting_in_utc(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, cron: str | None
) -> None:
    if setting:
        monkeypatch.setenv(SETTING, setting)
    dag = build_index_alarm_dag(PERSONS)
    assert getattr(dag.timetable, "expression", None) == cron
    if cron:
        assert str(getattr(dag.timetable, "timezone", None)) == "UTC"


def test_a_time_of_the_alarm_with_seconds_is_refused_and_the_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "07:00:30")
    with pytest.raises(ValueError, match=f"{SETTING}: '07:00:30': expected a time without seconds, such as 07:00"):
        build_index_alarm_dag(PERSONS)


def test_an_invalid_time_is_an_error_that_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "7 o'clock")
    with pytest.raises(ValueError, match=f"{SETTING}: .* expected a time such as 07:00, or 'off'"):
        build_index_alarm_dag(PERSONS)


def run(dag: DAG, monkeypatch: pytest.MonkeyPatch, port: int) -> str:
    """The end state of a run with Elasticsearch at that port; with one immediate retry."""
    connection = {"conn_type": "elasticsearch", "host": HOST, "port": port, "extra": {"max_retries": 0}}
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", json.dumps(connection))
    monkeypatch.setattr(dag.tasks[0], "retries", 1)
    monkeypatch.setattr(dag.tasks[0], "retry_delay", timedelta(0))
    state: str = dag.test().state
    return state


def test_the_alarm_fails_and_notifies_the_channel_until_the_index_was_built_this_night(
    dags: dict[str, DAG],
    monkeypatch: pytest.MonkeyPatch,
    slack: SlackServer,
    elasticsearch: Elasticsearch,
    elasticsearch_server: ElasticsearchServer,
) -> None:
    dag, port = dags["persons_index_alarm"], elasticsearch_server.port
    assert run(dag, monkeypatch, port) == "failed"
    (text,) = slack.texts
    assert "failed: No index is behind the alias persons; expected an index" in text

    old, new = (new_index_name("persons", datetime.now(UTC) - timedelta(days=days)) for days in (2, 0))
    elasticsearch.indices.create(index=old, aliases={"persons": {}})
    assert run(dag, monkeypatch, port) == "failed"
    _, text = slack.texts
    assert text.startswith(
        f"<!channel> *Alarm: the search index persons was not rebuilt* failed: The live index {old} was"
    )

    elasticsearch.indices.delete(index=old)
    elasticsearch.indices.create(index=new, aliases={"persons": {}})
    assert run(dag, monkeypatch, port) == "success"
    assert len(slack.texts) == 2


def test_an_unreachable_elasticsearch_is_one_alarm(
    dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch, slack: SlackServer
) -> None:
    assert run(dags["persons_index_alarm"], monkeypatch, port := any_free_port()) == "failed"
    (text,) = slack.texts
    assert (
        f"failed: Elasticsearch cannot be reached at http://127.0.0.1:{port}: ConnectionError, [Errno 111] Connection "
        "refused\n" in text
    )
