"""The alarm: the index that readers see was built this night, or somebody is told."""

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
def test_an_index_that_was_built_since_midnight_is_no_alarm(built: datetime) -> None:
    assert reason_for_alarm(PERSONS, NAME, built, NIGHT) is None


@pytest.mark.parametrize(
    ("name", "built", "found"),
    [
        (NAME, MIDNIGHT - timedelta(microseconds=1), "the live index persons-x was built at 2024-02-28 23:59 UTC"),
        (NAME, MIDNIGHT - timedelta(days=30), "the live index persons-x was built at 2024-01-30 00:00 UTC"),
        ("persons", None, "the live index is persons, which no build of ours has made"),
        (None, None, "there is no index to search"),
    ],
)
def test_any_other_index_or_none_is_an_alarm_that_says_what_was_found_and_what_to_do(
    name: str | None, built: datetime | None, found: str
) -> None:
    assert reason_for_alarm(PERSONS, name, built, NIGHT) == (
        f"{found}; expected one that was built since 2024-02-29 00:00 UTC. "
        "See why PersonElasticSearchSyncJob has not run or has failed, then run recovery."
    )


@pytest.mark.parametrize(
    ("setting", "cron"), [(None, "0 7 * * *"), ("05:30", "30 5 * * *"), ("off", None), (" OFF ", None)]
)
def test_its_time_is_a_setting_in_utc(monkeypatch: pytest.MonkeyPatch, setting: str | None, cron: str | None) -> None:
    if setting:
        monkeypatch.setenv(SETTING, setting)
    dag = build_index_alarm_dag(PERSONS)
    assert getattr(dag.timetable, "expression", None) == cron
    if cron:
        assert str(getattr(dag.timetable, "timezone", None)) == "UTC"


def test_a_time_that_is_none_is_an_error_that_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "7 o'clock")
    with pytest.raises(ValueError, match=f"{SETTING}: .* is no time such as 07:00, nor off"):
        build_index_alarm_dag(PERSONS)


def run(dag: DAG, monkeypatch: pytest.MonkeyPatch, port: int) -> str:
    """The end state of a run now, with Elasticsearch at that port; tried again once, and at once."""
    connection = {"conn_type": "elasticsearch", "host": HOST, "port": port, "extra": {"max_retries": 0}}
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", json.dumps(connection))
    monkeypatch.setattr(dag.tasks[0], "retries", 1)
    monkeypatch.setattr(dag.tasks[0], "retry_delay", timedelta(0))
    state: str = dag.test().state
    return state


def test_the_dag_fails_and_tells_everybody_until_the_index_is_one_of_this_night(
    dags: dict[str, DAG],
    monkeypatch: pytest.MonkeyPatch,
    slack: SlackServer,
    elasticsearch: Elasticsearch,
    elasticsearch_server: ElasticsearchServer,
) -> None:
    dag, port = dags["persons_index_alarm"], elasticsearch_server.port
    assert run(dag, monkeypatch, port) == "failed"
    (text,) = slack.texts
    assert "failed: there is no index to search; expected one" in text

    old, new = (new_index_name("persons", datetime.now(UTC) - timedelta(days=days)) for days in (2, 0))
    elasticsearch.indices.create(index=old, aliases={"persons": {}})
    assert run(dag, monkeypatch, port) == "failed"
    _, text = slack.texts
    assert text.startswith(f"<!channel> *Alarm: the search index was not rebuilt* failed: the live index {old} was")

    elasticsearch.indices.delete(index=old)
    elasticsearch.indices.create(index=new, aliases={"persons": {}})
    assert run(dag, monkeypatch, port) == "success"
    assert len(slack.texts) == 2


def test_an_elasticsearch_that_is_gone_is_an_alarm_told_once(
    dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch, slack: SlackServer
) -> None:
    assert run(dags["persons_index_alarm"], monkeypatch, any_free_port()) == "failed"
    (text,) = slack.texts
    assert "failed: Elasticsearch cannot be reached: ConnectionError\n" in text
