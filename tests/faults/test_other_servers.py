"""The address leads to another server than Elasticsearch, or through a proxy that hides it: the error says so."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from elasticsearch import Elasticsearch

from local.elasticsearch import Elasticsearch as ElasticsearchServer
from local.ports import HOST
from sync_jobs.errors import TransientError, UnsupportedServer
from sync_jobs.search.keepalive_node import KeepaliveNode
from tests.application import Application
from tests.awkward_data import Connection
from tests.comparison import all_indices, runner
from tests.faults.proxy import proxy_before

RUN_DATE = date(2026, 3, 10)
INDEX_JOBS = ("PersonElasticSearchSyncJob", "PersonRecordStatusJob")


@contextmanager
def web_server(status: int, content_type: str = "text/html", body: bytes = b"<h1>Welcome</h1>") -> Iterator[str]:
    """The URL of a server that answers every request in the same way."""

    class Handler(BaseHTTPRequestHandler):
        def handle_request(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_request

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("job", INDEX_JOBS)
@pytest.mark.parametrize("status", [200, 301, 404, 405])
def test_another_web_server_is_named_and_not_retried(job_connection: Connection, job: str, status: int) -> None:
    with web_server(status) as url, Elasticsearch(url) as client, pytest.raises(UnsupportedServer) as caught:
        runner(job_connection, client)(job, RUN_DATE)
    text = str(caught.value)
    assert f"The server at {url} is not Elasticsearch 9 or later, or a proxy removes the header" in text
    assert f"got {status} " in text
    written = "Statuses are written" if job == "PersonRecordStatusJob" else "The live index was not touched."
    assert written in text


def test_an_answer_that_is_labelled_json_but_is_not_is_reported(job_connection: Connection) -> None:
    with (
        web_server(200, "application/json") as url,
        Elasticsearch(url, node_class=KeepaliveNode) as client,
        pytest.raises(UnsupportedServer, match=r"is not Elasticsearch 9 or later, .* got 200 OK, application/json"),
    ):
        runner(job_connection, client)("PersonElasticSearchSyncJob", RUN_DATE)


@pytest.mark.parametrize("path", ["/_search", "/_mapping", "/_settings", "/_bulk", "/_refresh"])
def test_a_page_of_a_proxy_in_the_middle_of_a_build_is_named(
    tcs: Connection,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    elasticsearch_server: ElasticsearchServer,
    path: str,
) -> None:
    """The client itself checks only the first answer."""
    Application(tcs, elasticsearch).add(range(1, 4))
    runner(job_connection, elasticsearch)("PersonElasticSearchSyncJob", RUN_DATE)
    before = all_indices(elasticsearch)
    with proxy_before(elasticsearch_server.url) as proxy, Elasticsearch(proxy.url, node_class=KeepaliveNode) as client:
        proxy.refuse = {path: (200, "<h1>Log in</h1>", 1)}
        with pytest.raises(UnsupportedServer, match=r"got 200 OK, text/html\. .* The live index was not touched\.$"):
            runner(job_connection, client)("PersonElasticSearchSyncJob", RUN_DATE)
    assert all_indices(elasticsearch) == before


@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
def test_an_error_page_of_a_proxy_is_a_transient_error(job_connection: Connection, content_type: str) -> None:
    with (
        web_server(502, content_type, b"") as url,
        Elasticsearch(url) as client,
        pytest.raises(TransientError, match="or a proxy in front of it, cannot answer now: 502 Bad Gateway"),
    ):
        runner(job_connection, client)("PersonElasticSearchSyncJob", RUN_DATE)


def test_an_error_page_that_is_labelled_json_is_a_transient_error(job_connection: Connection) -> None:
    with (
        web_server(503, "application/json") as url,
        Elasticsearch(url) as client,
        pytest.raises(TransientError, match="cannot answer now: it sent something other than JSON"),
    ):
        runner(job_connection, client)("PersonElasticSearchSyncJob", RUN_DATE)


@pytest.mark.parametrize("job", INDEX_JOBS)
def test_a_proxy_that_removes_the_header_of_elasticsearch_is_named(
    tcs: Connection,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    elasticsearch_server: ElasticsearchServer,
    job: str,
) -> None:
    Application(tcs, elasticsearch).add(range(1, 4))
    with proxy_before(elasticsearch_server.url) as proxy:
        proxy.names_elasticsearch = False
        with (
            Elasticsearch(proxy.url) as client,
            pytest.raises(UnsupportedServer, match="or a proxy removes the header X-Elastic-Product"),
        ):
            runner(job_connection, client)(job, RUN_DATE)
    assert not all_indices(elasticsearch)
