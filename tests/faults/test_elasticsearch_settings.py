"""Settings of a cluster that keep a build from its index: the error names them. And errors that pass by themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from local.elasticsearch import Elasticsearch as ElasticsearchServer
from sync_jobs.errors import SearchBlocked, SyncJobError, TransientError
from sync_jobs.search import index_alias
from sync_jobs.search.settings import IndexSettings
from tests.application import Application
from tests.awkward_data import Connection
from tests.comparison import all_indices, indices_behind_alias, runner
from tests.faults.proxy import proxy_before

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)


@contextmanager
def cluster_settings(client: Elasticsearch, **settings: Any) -> Iterator[None]:
    named = {name.replace("__", "."): value for name, value in settings.items()}
    client.cluster.put_settings(persistent=named)
    try:
        yield
    finally:
        client.cluster.put_settings(persistent=dict.fromkeys(named))


@pytest.fixture
def application(tcs: Connection, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch) -> Application:
    monkeypatch.setattr(index_alias, "CREATE_TIMEOUT", "2s")
    application = Application(tcs, elasticsearch)
    application.add(range(1, 4))
    return application


@pytest.mark.usefixtures("application")
def test_a_disabled_allocation_is_named_and_transient(job_connection: Connection, elasticsearch: Elasticsearch) -> None:
    run = runner(job_connection, elasticsearch)
    run(JOB, RUN_DATE)
    before = all_indices(elasticsearch)
    with (
        cluster_settings(elasticsearch, cluster__routing__allocation__enable="none"),
        pytest.raises(TransientError) as caught,
    ):
        run(JOB, RUN_DATE)
    assert "cluster.routing.allocation.enable=none" in str(caught.value)
    assert str(caught.value).endswith("The live index was not touched.")
    assert all_indices(elasticsearch) == indices_behind_alias(elasticsearch) == before
    assert run(JOB, RUN_DATE).unchanged == 3


@pytest.mark.usefixtures("application")
def test_an_allocation_that_no_node_allows_is_a_block_and_named(
    job_connection: Connection, elasticsearch: Elasticsearch
) -> None:
    with (
        cluster_settings(elasticsearch, cluster__routing__allocation__exclude___name="*"),
        pytest.raises(SearchBlocked, match=r"cluster\.routing\.allocation\.exclude"),
    ):
        runner(job_connection, elasticsearch)(JOB, RUN_DATE)
    assert not all_indices(elasticsearch)


@pytest.mark.usefixtures("application")
def test_a_limit_of_shards_is_named(job_connection: Connection, elasticsearch: Elasticsearch) -> None:
    run = runner(job_connection, elasticsearch)
    run(JOB, RUN_DATE)
    with (
        cluster_settings(elasticsearch, cluster__max_shards_per_node=1),
        pytest.raises(SyncJobError, match=r"400 validation_exception: .*shards.*The live index was not touched\.$"),
    ):
        run(JOB, RUN_DATE)


@pytest.mark.usefixtures("application")
def test_a_template_for_data_streams_is_named(job_connection: Connection, elasticsearch: Elasticsearch) -> None:
    elasticsearch.indices.put_index_template(name="logs", index_patterns=["persons-*"], data_stream={}, priority=500)
    try:
        with pytest.raises(SyncJobError, match=r"400 \w+: cannot create index with name .* template \[logs\]"):
            runner(job_connection, elasticsearch)(JOB, RUN_DATE)
    finally:
        elasticsearch.indices.delete_index_template(name="logs")


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize("status", [408, 500, 502])
def test_a_bulk_request_that_failed_on_the_server_is_sent_again(
    job_connection: Connection, elasticsearch: Elasticsearch, elasticsearch_server: ElasticsearchServer, status: int
) -> None:
    with proxy_before(elasticsearch_server.url) as proxy, Elasticsearch(proxy.url) as client:
        proxy.refuse = {"/_bulk": (status, {"type": "node_closed_exception", "reason": "node closed"}, 2)}
        assert runner(job_connection, client)(JOB, RUN_DATE).added == 3
    assert elasticsearch.count(index="persons")["count"] == 3


@pytest.mark.usefixtures("application")
def test_a_bulk_request_that_never_succeeds_says_why(
    job_connection: Connection, elasticsearch: Elasticsearch, elasticsearch_server: ElasticsearchServer
) -> None:
    with proxy_before(elasticsearch_server.url) as proxy, Elasticsearch(proxy.url) as client:
        proxy.refuse = {"/_bulk": (500, {"type": "node_closed_exception", "reason": "node closed"}, 9)}
        settings = IndexSettings(bulk_attempts=2)
        with pytest.raises(
            TransientError, match=r"in 2 attempts, the last time because of 500 node_closed_exception\."
        ):
            runner(job_connection, client)(JOB, RUN_DATE, settings=settings)
    assert not all_indices(elasticsearch)
