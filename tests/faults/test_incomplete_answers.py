"""Elasticsearch answers 200 with a part of what it has: no number and no comparison comes from such an answer.

A time limit of the cluster (search.default_search_timeout) or a shard that does not answer is the cause.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from local.elasticsearch import Elasticsearch as ElasticsearchServer
from sync_jobs.catalogue import find_job
from sync_jobs.errors import TransientError
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.report import Report
from sync_jobs.runner import run_job, run_rollback
from sync_jobs.search.settings import IndexSettings
from tests.application import Application
from tests.awkward_data import Connection
from tests.command_line import ROOT
from tests.comparison import indices_behind_alias
from tests.faults.proxy import Incomplete, Proxy, proxy_before

RUN_DATE = date(2026, 3, 10)
SETTINGS = IndexSettings(settle_seconds=0)
# Requests without a search or a count that would have to be complete.
READS = Path("plugins/sync_jobs/search/reads.py")
DIRECT = re.compile(r"\.(search|msearch|count)\(\s*(index|pit)=|elasticsearch.*\bhelpers\b|indices\.refresh\(")

Work = Callable[[], object]


@pytest.fixture
def proxy(elasticsearch_server: ElasticsearchServer) -> Iterator[Proxy]:
    with proxy_before(elasticsearch_server.url) as proxy:
        yield proxy


@pytest.fixture(params=["build", "rollback", "refresh of statuses"])
def work(
    request: pytest.FixtureRequest,
    tcs: Connection,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    proxy: Proxy,
) -> Iterator[Work]:
    """Something that reads the index through the proxy, after two builds. A dry run: it can be repeated."""
    Application(tcs, elasticsearch).add(range(1, 11))
    tcs.execute(
        "INSERT INTO programme_membership (uuid, person_id, programme_start_date, programme_end_date)"
        " VALUES (gen_random_uuid(), 1, '2025-01-01', '2026-03-09')"
    )
    with Elasticsearch(proxy.url, max_retries=0) as client:

        def run(name: str, *, dry_run: bool) -> object:
            return run_job(
                find_job(name),
                postgres=job_connection,
                elasticsearch=client,
                run_date=RUN_DATE,
                settings=SETTINGS,
                dry_run=dry_run,
                date_override="ANY" if name == "PersonRecordStatusJob" else "",
            )

        def roll_back() -> object:
            return run_rollback(PERSONS, postgres=job_connection, elasticsearch=client, settings=SETTINGS, dry_run=True)

        run("PersonElasticSearchSyncJob", dry_run=False)
        run("PersonElasticSearchSyncJob", dry_run=False)
        proxy.reads.clear()
        yield {
            "build": lambda: run("PersonElasticSearchSyncJob", dry_run=True),
            "rollback": roll_back,
            "refresh of statuses": lambda: run("PersonRecordStatusJob", dry_run=True),
        }[request.param]


@pytest.mark.parametrize("how", ["timed out", "shard failed", "shard missing"])
def test_work_stops_at_each_incomplete_answer(
    work: Work, proxy: Proxy, elasticsearch: Elasticsearch, how: Incomplete
) -> None:
    live = indices_behind_alias(elasticsearch)
    work()
    reads = list(proxy.reads)
    assert not [path for path in reads if "/_count" in path], "the answer of a count does not say that it is incomplete"
    affected = [number for number, path in enumerate(reads) if is_affected(path, how)]
    assert affected
    for number in affected:
        proxy.reads.clear()
        proxy.incomplete = {number: how}
        with pytest.raises(TransientError, match="time limit" if how == "timed out" else "only some of its shards"):
            work()
        assert indices_behind_alias(elasticsearch) == live
    proxy.incomplete = {}
    work()


def test_a_live_index_whose_data_is_lost_is_named_with_what_to_do_and_the_advice_works(
    tcs: Connection, job_connection: Connection, elasticsearch: Elasticsearch, elasticsearch_server: ElasticsearchServer
) -> None:
    Application(tcs, elasticsearch).add(range(1, 11))

    def build() -> Report:
        return run_job(
            find_job("PersonElasticSearchSyncJob"),
            postgres=job_connection,
            elasticsearch=elasticsearch,
            run_date=RUN_DATE,
            settings=SETTINGS,
        )

    (live,) = build().indices["live"]
    lose_shard(elasticsearch, elasticsearch_server, live)
    with pytest.raises(TransientError, match=rf"^{live}: Elasticsearch can search none .*not touched\.$"):
        build()
    elasticsearch.indices.delete(index=live)
    assert build().added == 10


def lose_shard(client: Elasticsearch, server: ElasticsearchServer, index: str) -> None:
    """Delete the files of the only shard, then let the node notice that."""
    client.indices.flush(index=index)
    uuid = client.indices.get_settings(index=index)[index]["settings"]["index"]["uuid"]
    for folder in server.home.rglob(uuid):
        shutil.rmtree(folder / "0")
    (node,) = client.nodes.info()["nodes"]
    client.cluster.reroute(commands=[{"cancel": {"index": index, "shard": 0, "node": node, "allow_primary": True}}])


def is_affected(path: str, how: Incomplete) -> bool:
    """No time limit ends a refresh, and it does not count the copies that no node has."""
    return how == "shard failed" or "/_refresh" not in path


def test_every_search_and_every_count_is_one_that_must_be_complete() -> None:
    files = {path.relative_to(ROOT) for path in (ROOT / "plugins").rglob("*.py")}
    direct = {path for path in files if DIRECT.search((ROOT / path).read_text(encoding="utf-8"))}
    assert direct == {READS}
