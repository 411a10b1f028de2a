"""Elasticsearch refuses access: the error says what to correct, and is not transient."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import psycopg
import pytest
from elasticsearch import Elasticsearch

from local.elasticsearch import Elasticsearch as ElasticsearchServer
from sync_jobs.errors import AccessRefused
from tests.application import ALIAS, Application
from tests.awkward_data import Connection
from tests.comparison import runner
from tests.faults.proxy import Proxy, proxy_before
from tests.waiting import PATIENCE_SECONDS

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
UNKNOWN = "unable to authenticate user [sync_jobs] for REST request [/_alias/persons]"
NO_RIGHT = "action [indices:admin/create] is unauthorized for user [sync_jobs] with effective roles [sync]"


@pytest.fixture
def proxy(elasticsearch_server: ElasticsearchServer) -> Iterator[Proxy]:
    with proxy_before(elasticsearch_server.url) as proxy:
        yield proxy


@pytest.mark.parametrize("path", ["/_alias/", "/_bulk"])
@pytest.mark.parametrize(("status", "reason"), [(401, UNKNOWN), (403, NO_RIGHT)])
def test_a_wrong_password_and_a_missing_right_are_reported_in_the_servers_words(
    tcs: Connection,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    proxy: Proxy,
    path: str,
    status: int,
    reason: str,
) -> None:
    Application(tcs, elasticsearch).add(range(1, 3))
    proxy.refuse = {path: (status, {"type": "security_exception", "reason": reason}, 1)}
    with Elasticsearch(proxy.url) as client, pytest.raises(AccessRefused) as caught:
        runner(job_connection, client)(JOB, RUN_DATE)
    assert f"Elasticsearch refused access: {status} {reason}. Correct the user and password" in str(caught.value)
    assert not elasticsearch.indices.get(index="*")


def test_a_refusal_is_reported_at_once_even_while_postgresql_waits_for_a_lock(
    tcs: Connection, job_connection: Connection, elasticsearch: Elasticsearch, proxy: Proxy
) -> None:
    """The index is created while PostgreSQL makes the first document."""
    proxy.refuse = {"/persons-2": (403, {"type": "security_exception", "reason": NO_RIGHT}, 1)}
    with (
        psycopg.connect(tcs.info.dsn, password=tcs.info.password) as application,
        Elasticsearch(proxy.url) as client,
        ThreadPoolExecutor(1) as thread,
    ):
        application.execute("LOCK TABLE person IN ACCESS EXCLUSIVE MODE")
        building = thread.submit(runner(job_connection, client), JOB, RUN_DATE)
        with pytest.raises(AccessRefused, match="is unauthorized for user"):
            building.result(timeout=PATIENCE_SECONDS)
        application.rollback()
    assert not elasticsearch.indices.get(index="*")
    assert job_connection.execute("SELECT 1").fetchone() == (1,)


def test_other_aliases_that_the_role_may_not_move_stay_and_are_named_while_the_alias_moves(
    tcs: Connection,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    proxy: Proxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    Application(tcs, elasticsearch).add(range(1, 3))
    (first,) = runner(job_connection, elasticsearch)(JOB, RUN_DATE).indices["live"]
    elasticsearch.indices.put_alias(index=first, name="staff")
    proxy.refuse = {"/_aliases": (403, {"type": "security_exception", "reason": NO_RIGHT}, 1)}
    with Elasticsearch(proxy.url) as client:
        (second,) = runner(job_connection, client)(JOB, RUN_DATE).indices["live"]
    found = elasticsearch.indices.get_alias(index=[first, second])
    assert {name: list(found[name]["aliases"]) for name in found} == {first: ["staff"], second: [ALIAS]}
    assert f"no permission to move the other aliases of {first} (staff): they stay there" in caplog.text
