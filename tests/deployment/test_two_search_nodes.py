"""An index with a copy on a second node of Elasticsearch, and a node that is lost in the middle of a build."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from elasticsearch import Elasticsearch

from local.demo_data import load_demo_data
from local.elasticsearch import Elasticsearch as Node
from local.ports import HOST, any_free_port
from local.processes import Service, stop
from sync_jobs.catalogue import find_job
from sync_jobs.errors import TransientError
from sync_jobs.report import Report
from sync_jobs.runner import run_job
from sync_jobs.search import bulk
from sync_jobs.search.settings import IndexSettings
from tests.awkward_data import Connection
from tests.comparison import indices_behind_alias
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

RUN_DATE = date(2026, 3, 10)
PERSONS = 1_000
TEMPLATE = "placement"
NODE_NAME = "index.routing.allocation.require._name"
# Small bodies, so that a load has a middle; few attempts, so that it ends within seconds if a shard is lost.
SETTINGS = IndexSettings(settle_seconds=0, body_bytes=50_000, bulk_attempts=4)


@dataclass
class Cluster:
    """Two nodes: the master, and one that holds data alone and can be lost. client: knows both addresses."""

    master: Node
    other: Node
    services: list[Service]
    client: Elasticsearch

    def start(self, node: Node) -> None:
        service = node.start(node.service())
        self.services.append(service)
        node.wait_until_ready(service)

    def lose_the_other_node(self) -> None:
        stop([self.services.pop()], patience=0)

    def wait_for(self, health: str) -> None:
        self.client.cluster.health(wait_for_status=health, wait_for_no_relocating_shards=True, timeout="60s")

    def place_new_indices(self, node: str) -> None:
        """Keep the shards of new indices on that node, by a template. Those of the live index stay where they are."""
        settings = {NODE_NAME: node}
        self.client.indices.put_index_template(
            name=TEMPLATE, index_patterns=["persons-*"], template={"settings": settings}
        )

    def copies(self) -> list[str]:
        """The kinds of shards of the live index: p is the primary one, r its replica."""
        shards = self.client.cat.shards(index="persons", format="json", h="prirep,state").body
        return sorted(shard["prirep"] for shard in shards if shard["state"] == "STARTED")  # type: ignore[index]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    transport = any_free_port()
    common = {"discovery.type": "multi-node", "cluster.name": "two-nodes"}
    master = Node(
        tmp_path / "master",
        tmp_path / "master.log",
        any_free_port(),
        heap="512m",
        settings=common
        | {"node.name": "master", "cluster.initial_master_nodes": "master", "transport.port": str(transport)},
    )
    other = Node(
        tmp_path / "other",
        tmp_path / "other.log",
        any_free_port(),
        heap="512m",
        settings=common | {"node.name": "other", "node.roles": "data", "discovery.seed_hosts": f"{HOST}:{transport}"},
    )
    with Elasticsearch([master.url, other.url], request_timeout=60) as client:
        cluster = Cluster(master, other, [], client)
        try:
            cluster.start(master)
            cluster.start(other)
            yield cluster
        finally:
            stop(cluster.services, patience=2)


@pytest.fixture
def build(tcs_dsn: str, job_connection: Connection, cluster: Cluster) -> Callable[[], Report]:
    """Build the index of a thousand persons."""
    with psycopg.connect(tcs_dsn) as connection:
        load_demo_data(connection, PERSONS, RUN_DATE)

    def build() -> Report:
        job = find_job("PersonElasticSearchSyncJob")
        return run_job(job, postgres=job_connection, elasticsearch=cluster.client, run_date=RUN_DATE, settings=SETTINGS)

    return build


@pytest.fixture
def node_is_lost_while_loading(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> Callable[[], None]:
    """A function after which the next build loses the other node when half of its documents are sent."""
    load = bulk.load

    def halfway(lines: Iterable[bytes], expected: int) -> Iterator[bytes]:
        for number, line in enumerate(lines):
            if number == expected // 2:
                cluster.lose_the_other_node()
            yield line

    def load_and_lose(definition: Any, client: Any, name: str, lines: Iterable[bytes], *rest: Any, **more: Any) -> int:
        monkeypatch.setattr(bulk, "load", load)
        return load(definition, client, name, halfway(lines, PERSONS), *rest, **more)

    return lambda: monkeypatch.setattr(bulk, "load", load_and_lose)


def test_a_build_beside_a_lost_node_succeeds_and_gets_its_copy_when_the_node_is_back(
    cluster: Cluster, build: Callable[[], Report], node_is_lost_while_loading: Callable[[], None]
) -> None:
    first = build()
    cluster.wait_for("green")
    assert cluster.copies() == ["p", "r"]
    cluster.place_new_indices("master")
    node_is_lost_while_loading()
    second = build()
    assert len(cluster.services) == 1
    assert indices_behind_alias(cluster.client) == second.indices["live"] != first.indices["live"]
    assert count(cluster) == second.read

    cluster.client.indices.put_settings(index="persons", settings={NODE_NAME: None})
    cluster.start(cluster.other)
    assert wait_for("the copy of the live index", lambda: cluster.copies() == ["p", "r"])


def test_a_build_whose_node_is_lost_fails_leaves_search_as_it_is_and_can_be_repeated(
    cluster: Cluster, build: Callable[[], Report], node_is_lost_while_loading: Callable[[], None]
) -> None:
    first = build()
    cluster.wait_for("green")
    assert cluster.copies() == ["p", "r"]
    cluster.place_new_indices("other")
    node_is_lost_while_loading()
    with pytest.raises(TransientError, match="The live index was not touched"):
        build()
    assert len(cluster.services) == 1
    assert indices_behind_alias(cluster.client) == first.indices["live"]
    assert cluster.copies() == ["p"]
    assert count(cluster) == first.read

    cluster.client.indices.delete_index_template(name=TEMPLATE)
    repeated = build()
    assert indices_behind_alias(cluster.client) == repeated.indices["live"] != first.indices["live"]
    assert count(cluster) == first.read


def count(cluster: Cluster) -> int:
    counted: int = cluster.client.count(index="persons")["count"]
    return counted
