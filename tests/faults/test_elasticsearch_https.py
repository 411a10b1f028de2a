"""Elasticsearch behind https, with a certificate of an authority of its own."""

import ssl
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import trustme
from elasticsearch import Elasticsearch

from local.elasticsearch import Elasticsearch as ElasticsearchServer
from sync_jobs.errors import AccessRefused
from tests.application import Application
from tests.awkward_data import Connection
from tests.comparison import all_indices, runner
from tests.faults.proxy import Proxy, proxy_before

JOB = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def proxy(elasticsearch_server: ElasticsearchServer, authority: trustme.CA) -> Iterator[Proxy]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with proxy_before(elasticsearch_server.url, https=context) as proxy:
        yield proxy


def certificate_of(authority: trustme.CA, folder: Path) -> str:
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def test_a_job_trusts_the_certificate_authority_of_its_connection(
    tcs: Connection,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    proxy: Proxy,
    authority: trustme.CA,
    tmp_path: Path,
) -> None:
    Application(tcs, elasticsearch).add(range(1, 4))
    with Elasticsearch(proxy.url, ca_certs=certificate_of(authority, tmp_path)) as client:
        assert runner(job_connection, client)(JOB, RUN_DATE).added == 3


def test_an_untrusted_certificate_is_reported_and_not_transient(
    job_connection: Connection, elasticsearch: Elasticsearch, proxy: Proxy, tmp_path: Path
) -> None:
    with (
        Elasticsearch(proxy.url, ca_certs=certificate_of(trustme.CA(), tmp_path)) as client,
        pytest.raises(AccessRefused) as caught,
    ):
        runner(job_connection, client)(JOB, RUN_DATE)
    assert "The certificate of Elasticsearch is not trusted" in str(caught.value)
    assert "ca_certs" in str(caught.value)
    assert not all_indices(elasticsearch)
