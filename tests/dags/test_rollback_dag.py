"""The DAG persons_index_rollback, on real servers."""

import json
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.sdk import DAG
from elasticsearch import Elasticsearch

from local.elasticsearch import Elasticsearch as ElasticsearchServer
from local.ports import HOST
from sync_jobs.catalogue import find_job
from sync_jobs.runner import run_job
from sync_jobs.search.settings import IndexSettings
from tests.comparison import indices_behind_alias

pytestmark = pytest.mark.usefixtures("metadata")

RUN_DATE = date(2026, 3, 10)


@pytest.fixture
def rollback(
    dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch, job_dsn: str, elasticsearch_server: ElasticsearchServer
) -> DAG:
    address = urlsplit(job_dsn)
    postgres = {
        "conn_type": "postgres",
        "host": address.hostname,
        "port": address.port,
        "login": address.username,
        "password": address.password,
        "schema": address.path.strip("/"),
    }
    search = {"conn_type": "elasticsearch", "host": HOST, "port": elasticsearch_server.port}
    monkeypatch.setenv("AIRFLOW_CONN_TCS_POSTGRES", json.dumps(postgres))
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", json.dumps(search))
    monkeypatch.setenv("AIRFLOW_VAR_PERSONS_INDEX_SETTINGS", '{"settle_seconds": 0}')
    return dags["persons_index_rollback"]


def build(connection: Any, client: Elasticsearch) -> str:
    report = run_job(
        find_job("PersonElasticSearchSyncJob"),
        postgres=connection,
        elasticsearch=client,
        run_date=RUN_DATE,
        settings=IndexSettings(settle_seconds=0),
    )
    return report.indices["live"][0]


def test_a_manual_run_rolls_back_and_another_forward_and_both_are_announced(
    rollback: DAG, slack: Any, job_connection: Any, elasticsearch: Elasticsearch
) -> None:
    assert rollback.test().state == "failed"  # there is no index to roll back to
    first, second = build(job_connection, elasticsearch), build(job_connection, elasticsearch)

    for dry_run, direction, live in ((True, "back", second), (False, "back", first), (False, "forward", second)):
        # All parameters each time: dag.test() keeps those of one run in the DAG's params.
        assert rollback.test(run_conf={"dry_run": dry_run, "direction": direction}).state == "success"
        assert indices_behind_alias(elasticsearch) == [live]

    # An unknown parameter is refused instead of rolling back.
    assert rollback.test(run_conf={"dry_run": False, "direction": "back", "dryrun": True}).state == "failed"
    assert indices_behind_alias(elasticsearch) == [second]

    failed = [text for text in slack.texts if "failed" in text]
    assert "No build has made the index behind alias" in failed[0]
    assert "Unknown parameter 'dryrun'. Expected some of direction, " in failed[1]
    assert len(failed) == 2
    assert sum("*Rollback of the search index persons* finished" in text for text in slack.texts) == 3
