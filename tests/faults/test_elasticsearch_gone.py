"""Elasticsearch cannot be reached: a clear and transient failure within seconds, with nothing half done."""

import time
from datetime import date

import pytest
from elasticsearch import Elasticsearch

from local.elasticsearch import Elasticsearch as ElasticsearchServer
from local.ports import any_free_port
from local.postgres import Postgres
from sync_jobs.catalogue import find_job
from sync_jobs.errors import TransientError
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.runner import run_job
from sync_jobs.search import bulk
from sync_jobs.search.keepalive_node import KeepaliveNode
from sync_jobs.search.settings import IndexSettings
from tests.awkward_data import Connection
from tests.comparison import runner

RUN_DATE = date(2026, 3, 10)
SETTINGS = IndexSettings()


@pytest.fixture
def gone() -> Elasticsearch:
    """A client of a node that nobody has started."""
    return Elasticsearch(f"http://127.0.0.1:{any_free_port()}", max_retries=0, request_timeout=2)


def test_a_build_without_elasticsearch_says_that_it_cannot_be_reached(
    job_connection: Connection, gone: Elasticsearch
) -> None:
    job = find_job("PersonElasticSearchSyncJob")
    with pytest.raises(TransientError, match="Elasticsearch cannot be reached"):
        run_job(job, postgres=job_connection, elasticsearch=gone, run_date=RUN_DATE)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://user:secret@127.0.0.1:{free}", "Connection refused"),
        ("http://user:secret@no-such-host.invalid:9200", "Name or service not known"),
        ("https://127.0.0.1:{elasticsearch}", "WRONG_VERSION_NUMBER"),
        ("http://127.0.0.1:{postgresql}", "Remote end closed connection without response"),
    ],
)
def test_the_error_names_the_address_and_the_first_reason(
    job_connection: Connection,
    postgres_server: Postgres,
    elasticsearch_server: ElasticsearchServer,
    url: str,
    why: str,
) -> None:
    ports = {"free": any_free_port(), "elasticsearch": elasticsearch_server.port, "postgresql": postgres_server.port}
    address = url.format(**ports)
    with (
        Elasticsearch(address, max_retries=0, request_timeout=5, node_class=KeepaliveNode) as client,
        pytest.raises(TransientError) as caught,
    ):
        runner(job_connection, client)("PersonElasticSearchSyncJob", RUN_DATE)
    text = str(caught.value)
    assert f"Elasticsearch cannot be reached at {address.replace('user:secret@', '')}: " in text
    assert why in text
    assert "secret" not in text


def test_statuses_are_written_even_if_their_documents_cannot_be_refreshed(
    tcs: Connection, job_connection: Connection, gone: Elasticsearch
) -> None:
    tcs.execute("INSERT INTO person (id, status) VALUES (1, 'INACTIVE')")
    tcs.execute("INSERT INTO programme_membership VALUES (gen_random_uuid(), 1, 1, 'X', '2026-03-10', '2027-03-09')")
    job = find_job("PersonRecordStatusJob")
    with pytest.raises(TransientError):
        run_job(job, postgres=job_connection, elasticsearch=gone, run_date=RUN_DATE)
    assert tcs.execute("SELECT status FROM person").fetchall() == [("CURRENT",)]


def test_a_load_stops_at_once_if_its_source_fails(gone: Elasticsearch) -> None:
    """Its senders stop, although they would retry for minutes."""

    def lines() -> object:
        yield b'{"index":{"_id":"1-0"}}\n{"personId":1}\n' * (SETTINGS.body_bytes // 40)
        yield b'{"index":{"_id":"2-0"}}\n{"personId":2}\n'
        time.sleep(4)  # by now the first body has been refused several times, and the next wait is a long one
        raise ConnectionAbortedError

    began = time.monotonic()
    with pytest.raises(ConnectionAbortedError):
        bulk.load(PERSONS, gone, "persons-20260310t000000-000000", lines(), SETTINGS)  # type: ignore[arg-type]
    assert time.monotonic() - began < 50
