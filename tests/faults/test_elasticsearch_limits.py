"""A cluster at its limits: requests that are too large, too many requests at once, a full disk."""

import time
from collections.abc import Iterator
from datetime import date

import pytest
from elasticsearch import Elasticsearch

from local import elasticsearch as local_elasticsearch
from local.ports import any_free_port
from sync_jobs.catalogue import find_job
from sync_jobs.errors import RejectedDocument, SearchBlocked
from sync_jobs.report import Report
from sync_jobs.runner import run_job
from sync_jobs.search import index_alias
from sync_jobs.search.settings import IndexSettings
from tests.application import ALIAS, Application
from tests.awkward_data import Connection
from tests.conftest import running_server

RUN_DATE = date(2026, 3, 10)
JOB = find_job("PersonElasticSearchSyncJob")
MEGABYTE = 1_000_000
# The node takes requests of a megabyte, and holds two of them at once.
NODE_SETTINGS = {
    "http.max_content_length": "1mb",
    "indexing_pressure.memory.limit": "2mb",
    "cluster.routing.allocation.disk.threshold_enabled": "true",
    "cluster.info.update.interval": "10s",
}
FULL = {"low": "1%", "high": "1%", "flood_stage": "1%"}


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elasticsearch]:
    folder = tmp_path_factory.mktemp("small-node")
    server = local_elasticsearch.Elasticsearch(
        folder, folder / "elasticsearch.log", any_free_port(), settings=NODE_SETTINGS
    )
    with running_server(server), Elasticsearch(server.url, request_timeout=60, max_retries=0) as client:
        # The node never takes the disk for full before a test says so.
        set_watermarks(client, dict.fromkeys(FULL, "100%"))
        yield client


@pytest.fixture
def small_node(small_server: Elasticsearch) -> Elasticsearch:
    """Without indices."""
    indices = list(small_server.indices.get(index="*"))
    if indices:
        small_server.indices.delete(index=indices)
    return small_server


def set_watermarks(client: Elasticsearch, percentages: dict[str, str]) -> None:
    prefix = "cluster.routing.allocation.disk.watermark"
    client.cluster.put_settings(persistent={f"{prefix}.{name}": value for name, value in percentages.items()})


def build(connection: Connection, client: Elasticsearch, **settings: int) -> Report:
    return run_job(
        JOB,
        postgres=connection,
        elasticsearch=client,
        run_date=RUN_DATE,
        settings=IndexSettings.from_mapping({"settle_seconds": 0, **settings}),
    )


def count(client: Elasticsearch) -> int:
    documents: int = client.count(index=ALIAS)["count"]
    return documents


def test_request_bodies_over_the_limit_of_the_cluster_are_split(
    tcs: Connection, job_connection: Connection, small_node: Elasticsearch
) -> None:
    Application(tcs, small_node).add(range(1, 2_001))
    tcs.execute("UPDATE person SET intrepid_id = repeat('x', 1000)")
    report = build(job_connection, small_node, body_bytes=3 * MEGABYTE)
    assert report.read == count(small_node) == 2_000


def test_requests_that_a_busy_cluster_rejects_are_sent_again(
    tcs: Connection, job_connection: Connection, small_node: Elasticsearch
) -> None:
    Application(tcs, small_node).add(range(1, 6_001))
    tcs.execute("UPDATE person SET intrepid_id = repeat('x', 1000)")
    before = rejections(small_node)
    report = build(job_connection, small_node, body_bytes=900_000, senders=6)
    assert rejections(small_node) > before
    assert report.read == count(small_node) == 6_000


def rejections(client: Elasticsearch) -> int:
    (node,) = client.nodes.stats(metric="indexing_pressure")["nodes"].values()
    total = node["indexing_pressure"]["memory"]["total"]
    rejected: int = total["coordinating_rejections"] + total["primary_rejections"]
    return rejected


def test_a_document_over_the_limit_of_the_cluster_is_left_out_and_named(
    tcs: Connection, job_connection: Connection, small_node: Elasticsearch
) -> None:
    Application(tcs, small_node).add(range(1, 4))
    build(job_connection, small_node)
    tcs.execute("UPDATE person SET intrepid_id = repeat('x', 2000000) WHERE id = 2")
    report = build(job_connection, small_node)
    (record,) = report.left_out_records
    assert (record["key"], record["field"], record["old_document"]) == (2, "intrepidId", True)
    assert "larger than a request may be" in record["reason"]
    assert count(small_node) == 3
    with pytest.raises(RejectedDocument, match=r"field intrepidId of person 2 .*larger than a request may be"):
        build(job_connection, small_node, quarantine_keys=0)


def test_a_document_over_the_memory_of_a_node_is_left_out_and_named(
    tcs: Connection, job_connection: Connection, elasticsearch: Elasticsearch
) -> None:
    """The node answers as if it were overloaded, and would always do so."""
    Application(tcs, elasticsearch).add(range(1, 4))
    tcs.execute("UPDATE person SET intrepid_id = repeat('x', 60000000) WHERE id = 2")
    before = rejections(elasticsearch)
    report = build(job_connection, elasticsearch, bulk_attempts=2)
    assert rejections(elasticsearch) > before
    (record,) = report.left_out_records
    assert (record["key"], record["field"]) == (2, "intrepidId")
    assert "larger than a request may be" in record["reason"]
    assert count(elasticsearch) == 2


def test_a_full_disk_stops_the_job_at_once_and_the_live_index_stays_in_use(
    tcs: Connection, job_connection: Connection, small_node: Elasticsearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    Application(tcs, small_node).add(range(1, 101))
    build(job_connection, small_node)
    (live,) = small_node.indices.get_alias(name=ALIAS)
    tcs.execute("INSERT INTO programme_membership VALUES (gen_random_uuid(), 7, 1, 'X', '2025-01-01', '2026-03-09')")
    monkeypatch.setattr(index_alias, "CREATE_TIMEOUT", "5s")
    set_watermarks(small_node, FULL)
    try:
        wait_until_blocked(small_node, live)
        for job in (JOB, find_job("PersonRecordStatusJob")):
            began = time.monotonic()
            with pytest.raises(SearchBlocked, match="Free disk space"):
                run_job(job, postgres=job_connection, elasticsearch=small_node, run_date=RUN_DATE)
            assert time.monotonic() - began < 60
        assert list(small_node.indices.get(index="*")) == [live]
        assert count(small_node) == 100
    finally:
        set_watermarks(small_node, dict.fromkeys(FULL, "100%"))


def wait_until_blocked(client: Elasticsearch, index: str, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while "blocks" not in client.indices.get_settings(index=index)[index]["settings"]["index"]:
        assert time.monotonic() < end, "the node has not noticed that its disk is full"
        time.sleep(0.5)
