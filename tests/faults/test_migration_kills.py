"""The first promotion and the way back are killed (SIGKILL) at any of their requests to Elasticsearch.

A session tries some of the requests, at equal distances, because each takes a second; its seed decides which one is the
first, and whether the kill comes before or after the answer.

Readers see the old documents or the new ones, all of them; the way back may also leave them without an index. The next
call finishes the work.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any

import psycopg
import pytest
from elasticsearch import ApiError, Elasticsearch, NotFoundError

from local.elasticsearch import Elasticsearch as ElasticsearchServer
from sync_jobs import hand_back
from sync_jobs.errors import GuardRail, IndexNotAsExpected, TransientError
from sync_jobs.hand_back import HandedBack, hand_back_index
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.search import index_alias
from sync_jobs.search.refresh import DocumentRefresh
from tests.application import ALIAS, Application
from tests.awkward_data import Connection
from tests.comparison import MAPPING, SETTINGS, all_indices, indices_behind_alias, runner
from tests.conftest import delete_indices
from tests.faults.test_elasticsearch_settings import cluster_settings
from tests.integration.test_catch_up import as_in_postgresql, index_contents
from tests.integration.test_plain_index import hits
from tests.running_service import RunningService
from tests.waiting import wait_for

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
PERSONS_OF_TEST = range(1, 41)
BLOCK = "index.blocks.write"
# More requests than the tested calls ever send.
MANY_REQUESTS = 200
# How long after it is sent a request that is in flight is cut off: Elasticsearch has it, and has not answered.
IN_FLIGHT_SECONDS = 0.003

Work = Callable[[Connection, Elasticsearch], object]


def hand(postgres: Connection, client: Elasticsearch) -> HandedBack:
    return hand_back_index(PERSONS, postgres=postgres, elasticsearch=client, settings=SETTINGS)


def build(postgres: Connection, client: Elasticsearch) -> object:
    return runner(postgres, client)(JOB, RUN_DATE)


@pytest.fixture
def application(tcs: Connection, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch) -> Application:
    """With persons in PostgreSQL. No job waits, because nobody edits them at the same time."""
    application = Application(tcs, elasticsearch)
    application.add(PERSONS_OF_TEST)
    monkeypatch.setattr(DocumentRefresh, "settle", lambda _: None)
    monkeypatch.setattr(index_alias, "PROMOTION_WAIT_SECONDS", 0)
    return application


@pytest.fixture
def killed_at(
    job_dsn: str, elasticsearch_server: ElasticsearchServer, job_connection: Connection
) -> Callable[[Work, int, bool], bool]:
    """Do the work in a process of its own, which is killed at a request. Returns whether it was killed before its end.

    in_flight: before Elasticsearch has answered that request; otherwise, right after the answer.
    """

    def killed_at(work: Work, number: int, in_flight: bool) -> bool:
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                work_until_killed(work, job_dsn, elasticsearch_server.url, number, in_flight)
                os._exit(0)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        wait_for("the end of its sessions", lambda: other_sessions(job_connection) == 0, seconds=30)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)

    return killed_at


def work_until_killed(work: Work, dsn: str, url: str, number: int, in_flight: bool) -> None:
    with psycopg.connect(dsn, autocommit=True) as postgres, Elasticsearch(url, request_timeout=60) as client:
        perform, sent = client.transport.perform_request, 0

        def perform_until_killed(*arguments: Any, **keywords: Any) -> Any:
            nonlocal sent
            sent += 1  # a build sends requests from several threads
            is_last = sent == number
            if is_last and in_flight:
                threading.Timer(IN_FLIGHT_SECONDS, os.kill, (os.getpid(), signal.SIGKILL)).start()
            answer = perform(*arguments, **keywords)
            if is_last:
                time.sleep(1 if in_flight else 0)
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        client.transport.perform_request = perform_until_killed  # type: ignore[method-assign]
        work(postgres, client)


def other_sessions(job_connection: Connection) -> int:
    """How many other sessions of the jobs there are."""
    query = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
    )
    row = job_connection.execute(query).fetchone()
    assert row
    count: int = row[0]
    return count


def seen(client: Elasticsearch) -> list[str] | None:
    """What a reader sees; None if there is no index."""
    try:
        return index_contents(client)
    except NotFoundError:
        return None


def test_a_hand_back_that_is_killed_is_finished_by_the_next_one(
    application: Application,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    killed_at: Callable[[Work, int, bool], bool],
    random_numbers: random.Random,
) -> None:
    """At every second request, alternately before and after its answer.

    The application edits a person after the kill; what it cannot write to search is in PostgreSQL.
    """
    first, in_flight = random_numbers.randint(1, 2), random_numbers.choice((True, False))
    for number in range(first, MANY_REQUESTS, 2):
        delete_indices(elasticsearch)
        build(job_connection, elasticsearch)
        (live,) = indices_behind_alias(elasticsearch)
        before = index_contents(elasticsearch)
        if not killed_at(hand, number, in_flight):
            break
        in_flight = not in_flight
        assert seen(elasticsearch) in (before, None), f"after request {number}"
        with suppress(ApiError):  # search takes no writes
            application.edit(number, f"After request {number}")

        if index_alias.find_live(elasticsearch, ALIAS).is_alias or block_of(elasticsearch, live):
            assert hand(job_connection, elasticsearch).cloned == live
        else:  # it was killed after its last step
            with pytest.raises(IndexNotAsExpected, match="found a plain index persons: nothing to hand back"):
                hand(job_connection, elasticsearch)
            application.rewrite(number)
        assert all_indices(elasticsearch) == [ALIAS, live]
        assert index_contents(elasticsearch) == as_in_postgresql(application), f"after request {number}"
        assert block_of(elasticsearch, live) == block_of(elasticsearch, ALIAS) is None
        mapping = elasticsearch.indices.get_mapping(index=ALIAS)[ALIAS]["mappings"]
        assert mapping["properties"] == PERSONS.properties
    assert number > 12


def block_of(client: Elasticsearch, index: str) -> str | None:
    found = client.indices.get_settings(index=index, name=BLOCK, flat_settings=True).body
    value: str | None = found.get(index, {"settings": {}})["settings"].get(BLOCK)
    return value


def test_a_first_promotion_that_is_killed_leaves_search_whole_and_the_next_one_keeps_the_old_documents(
    application: Application,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    killed_at: Callable[[Work, int, bool], bool],
    random_numbers: random.Random,
) -> None:
    """At every eighth request, alternately before and after its answer."""
    first, in_flight = random_numbers.randint(1, 8), random_numbers.choice((True, False))
    for number in range(first, MANY_REQUESTS, 8):
        delete_indices(elasticsearch)
        RunningService(application.postgres, elasticsearch).build_index(RUN_DATE)
        before = hits(elasticsearch, ALIAS)
        was_killed = killed_at(build, number, in_flight)
        in_flight = not in_flight
        assert index_contents(elasticsearch) == as_in_postgresql(application), f"after request {number}"

        build(job_connection, elasticsearch)
        assert index_contents(elasticsearch) == as_in_postgresql(application)
        found = index_alias.find_indices(elasticsearch, ALIAS)
        assert found.unfinished == []
        assert before in [hits(elasticsearch, index) for index in found.previous], f"after request {number}"
        if not was_killed:
            break
    assert number > 30


@pytest.fixture
def interrupted(
    application: Application, job_connection: Connection, elasticsearch: Elasticsearch
) -> Callable[[], str]:
    """A function that leaves search as a hand-back that was killed between alias and clone. Returns the index."""

    def interrupted() -> str:
        build(job_connection, elasticsearch)
        (live,) = indices_behind_alias(elasticsearch)
        elasticsearch.indices.put_settings(index=live, settings={BLOCK: True})
        elasticsearch.indices.delete_alias(index=live, name=ALIAS)
        application.postgres.execute("DELETE FROM contact_details WHERE id = 4; DELETE FROM person WHERE id = 4")
        return live

    return interrupted


def test_an_index_that_the_application_has_created_after_a_kill_is_replaced(
    application: Application,
    interrupted: Callable[[], str],
    job_connection: Connection,
    elasticsearch: Elasticsearch,
) -> None:
    interrupted()
    elasticsearch.index(index=ALIAS, document=application.documents([5])[0], refresh=True)
    assert elasticsearch.count(index=ALIAS)["count"] == 1
    assert hand(job_connection, elasticsearch).documents == len(PERSONS_OF_TEST) - 1
    assert index_contents(elasticsearch) == as_in_postgresql(application)


def test_an_index_that_the_other_service_has_built_after_a_kill_is_not_replaced(
    application: Application,
    interrupted: Callable[[], str],
    job_connection: Connection,
    elasticsearch: Elasticsearch,
) -> None:
    live = interrupted()
    RunningService(application.postgres, elasticsearch).build_index(RUN_DATE)
    assert elasticsearch.indices.get_mapping(index=ALIAS)[ALIAS]["mappings"]["properties"] == MAPPING
    before = hits(elasticsearch, ALIAS)
    with pytest.raises(IndexNotAsExpected, match=f"nothing to hand back. {live} takes no writes, as after a hand-back"):
        hand(job_connection, elasticsearch)
    assert hits(elasticsearch, ALIAS) == before


@pytest.mark.usefixtures("application")
def test_a_build_after_a_kill_makes_search_whole_again(
    interrupted: Callable[[], str], job_connection: Connection, elasticsearch: Elasticsearch, application: Application
) -> None:
    live = interrupted()
    build(job_connection, elasticsearch)
    assert indices_behind_alias(elasticsearch) != [live]
    assert index_contents(elasticsearch) == as_in_postgresql(application)
    assert hand(job_connection, elasticsearch).cloned != live


def test_after_a_kill_an_empty_database_does_not_empty_search(
    application: Application,
    interrupted: Callable[[], str],
    job_connection: Connection,
    elasticsearch: Elasticsearch,
) -> None:
    """The index is handed back as it was, and the next call tries again."""
    application.add(range(100, 300))
    live = interrupted()
    application.postgres.execute("DELETE FROM contact_details")
    with pytest.raises(GuardRail, match="persons is a plain index now"):
        hand(job_connection, elasticsearch)
    assert elasticsearch.count(index=ALIAS)["count"] == len(PERSONS_OF_TEST) + 200
    assert block_of(elasticsearch, live) == "true"


def test_the_clone_of_a_call_that_was_killed_is_kept(
    interrupted: Callable[[], str], job_connection: Connection, elasticsearch: Elasticsearch
) -> None:
    elasticsearch.indices.clone(index=interrupted(), target=ALIAS, settings={BLOCK: None})
    made = elasticsearch.indices.get_settings(index=ALIAS)[ALIAS]["settings"]["index"]["uuid"]
    assert hand(job_connection, elasticsearch).documents == len(PERSONS_OF_TEST) - 1
    assert elasticsearch.indices.get_settings(index=ALIAS)[ALIAS]["settings"]["index"]["uuid"] == made


def test_a_clone_that_never_gets_its_shards_is_removed_again(
    interrupted: Callable[[], str],
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = interrupted()
    monkeypatch.setattr(hand_back, "CLONE_TIMEOUT", "1s")
    with cluster_settings(elasticsearch, cluster__routing__allocation__enable="none"):
        elasticsearch.indices.clone(index=live, target=ALIAS, settings={BLOCK: None}, wait_for_active_shards=0)
        with pytest.raises(TransientError, match=f"has not cloned {live} into persons within"):
            hand(job_connection, elasticsearch)
    assert all_indices(elasticsearch) == [live] == indices_behind_alias(elasticsearch)
