"""Requests to Elasticsearch or its answers are lost: everything is done exactly once."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from local.elasticsearch import Elasticsearch as ElasticsearchServer
from sync_jobs.catalogue import find_job
from sync_jobs.errors import TransientError, UnsupportedServer
from sync_jobs.report import Report
from sync_jobs.runner import run_job
from sync_jobs.search import index_alias
from sync_jobs.search.settings import IndexSettings
from tests.application import ALIAS, Application
from tests.awkward_data import Connection
from tests.comparison import all_indices, indices_behind_alias
from tests.faults.proxy import Proxy, What, proxy_before

RUN_DATE = date(2026, 3, 10)


@pytest.fixture
def proxy(elasticsearch_server: ElasticsearchServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    monkeypatch.setattr(index_alias, "PROMOTION_WAIT_SECONDS", 0.1)
    with proxy_before(elasticsearch_server.url) as proxy:
        yield proxy


def build(connection: Connection, proxy: Proxy) -> Report:
    settings = IndexSettings(settle_seconds=0, body_bytes=10_000)
    job = find_job("PersonElasticSearchSyncJob")
    with Elasticsearch(proxy.url, max_retries=0) as client:
        return run_job(job, postgres=connection, elasticsearch=client, run_date=RUN_DATE, settings=settings)


@pytest.mark.parametrize("lost", ["request", "answer", "rest"])
def test_a_swap_is_done_once_if_its_request_or_its_answer_is_lost(
    tcs: Connection, job_connection: Connection, elasticsearch: Elasticsearch, proxy: Proxy, lost: What
) -> None:
    Application(tcs, elasticsearch).add(range(1, 11))
    build(job_connection, proxy)
    proxy.lose = {"/_aliases": (lost, 1)}
    (live,) = build(job_connection, proxy).indices["live"]
    assert proxy.lost == ["/_aliases"]
    assert indices_behind_alias(elasticsearch) == [live]


@pytest.mark.parametrize("refused", ["/_aliases", "/_alias/"])
def test_a_swap_is_repeated_while_the_cluster_is_overloaded(
    tcs: Connection,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    proxy: Proxy,
    refused: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Application(tcs, elasticsearch).add(range(1, 11))
    swap = index_alias.swap

    def swap_when_overloaded(*arguments: Any) -> list[str]:
        proxy.refuse = {refused: (503, {"type": "process_cluster_event_timeout_exception"}, 2)}
        return swap(*arguments)

    monkeypatch.setattr(index_alias, "swap", swap_when_overloaded)
    (live,) = build(job_connection, proxy).indices["live"]
    assert indices_behind_alias(elasticsearch) == [live]


def test_a_swap_with_an_unknown_outcome_says_how_to_find_the_live_index(
    tcs: Connection,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Application(tcs, elasticsearch).add(range(1, 11))
    swap = index_alias.swap

    def swap_without_an_answer(*arguments: Any) -> None:
        proxy.lose = {"/_alias": ("answer", 1_000)}
        swap(*arguments)

    monkeypatch.setattr(index_alias, "swap", swap_without_an_answer)
    with pytest.raises(
        TransientError, match=r"Readers see \S+ or, as before, nothing; GET /_alias/persons shows which\.$"
    ):
        build(job_connection, proxy)
    assert len(indices_behind_alias(elasticsearch)) == 1  # it had been done


def test_a_swap_that_a_proxy_answers_says_how_to_find_the_live_index(
    tcs: Connection, job_connection: Connection, elasticsearch: Elasticsearch, proxy: Proxy
) -> None:
    """The proxy may have passed the request on."""
    Application(tcs, elasticsearch).add(range(1, 11))
    (live,) = build(job_connection, proxy).indices["live"]
    proxy.refuse = {"/_aliases": (407, "<h1>Log in</h1>", 1)}
    with pytest.raises(
        UnsupportedServer,
        match=rf"got 407 .* Readers see \S+ or, as before, {live}; GET /_alias/persons shows which\.$",
    ):
        build(job_connection, proxy)


def test_a_search_whose_answer_is_cut_off_is_a_transient_error(
    tcs: Connection, job_connection: Connection, elasticsearch: Elasticsearch, proxy: Proxy
) -> None:
    Application(tcs, elasticsearch).add(range(1, 11))
    proxy.lose = {"/_search": ("rest", 1)}
    with pytest.raises(TransientError, match=r"or only a part of an answer\. The live index was not touched\.$"):
        build(job_connection, proxy)
    assert not all_indices(elasticsearch)


def test_a_swap_that_never_succeeds_keeps_the_live_index_and_removes_the_new_one(
    tcs: Connection, job_connection: Connection, elasticsearch: Elasticsearch, proxy: Proxy
) -> None:
    Application(tcs, elasticsearch).add(range(1, 11))
    (live,) = build(job_connection, proxy).indices["live"]
    proxy.lose = {"/_aliases": ("request", index_alias.PROMOTION_ATTEMPTS)}
    with pytest.raises(TransientError, match="could not be moved"):
        build(job_connection, proxy)
    assert all_indices(elasticsearch) == indices_behind_alias(elasticsearch) == [live]


@pytest.mark.parametrize("lost", ["request", "answer", "rest"])
def test_lost_bulk_requests_are_repeated_without_duplicate_documents(
    tcs: Connection, job_connection: Connection, elasticsearch: Elasticsearch, proxy: Proxy, lost: What
) -> None:
    Application(tcs, elasticsearch).add(range(1, 501))
    proxy.lose = {"/_bulk": (lost, 4)}
    report = build(job_connection, proxy)
    assert len(proxy.lost) == 4
    assert report.read == report.added == elasticsearch.count(index=ALIAS)["count"] == 500


SNAPSHOT = {"type": "snapshot_in_progress_exception", "reason": "Cannot delete indices that are being snapshotted"}


def test_an_index_of_which_a_snapshot_is_being_made_stays_until_the_next_build(
    tcs: Connection,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    proxy: Proxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As every night if the cluster makes its snapshots when the index is built."""
    Application(tcs, elasticsearch).add(range(1, 11))
    oldest, *_ = [build(job_connection, proxy).indices["live"][0] for _ in range(3)]
    proxy.refuse = {f"/{oldest}": (400, SNAPSHOT, 1)}
    report = build(job_connection, proxy)
    assert indices_behind_alias(elasticsearch) == report.indices["live"]
    assert report.indices["removed"] == []
    assert f"{oldest} cannot be removed while a snapshot of it is being made: the next build removes it" in caplog.text
    assert oldest in build(job_connection, proxy).indices["removed"]


def test_a_swap_that_removes_a_plain_index_waits_for_its_snapshot(
    tcs: Connection, job_connection: Connection, elasticsearch: Elasticsearch, proxy: Proxy
) -> None:
    Application(tcs, elasticsearch).add(range(1, 11))
    elasticsearch.indices.create(index=ALIAS)
    proxy.refuse = {"/_aliases": (400, SNAPSHOT, 2)}
    assert build(job_connection, proxy).indices["live"] == indices_behind_alias(elasticsearch)
