"""The state of the search index, read from a server that answers differently than Elasticsearch."""

from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from sync_airflow.search_state import read_search
from sync_jobs.index_definitions.persons import PERSONS


class EmptyAnswers(BaseHTTPRequestHandler):
    """Answers every request with an empty object, as a proxy might."""

    def do_GET(self) -> None:
        body = b"{}"
        self.send_response(200)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=9")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def empty_answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyAnswers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", f"elasticsearch://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()


@pytest.mark.usefixtures("empty_answers")
def test_an_answer_in_an_unexpected_form_leaves_search_unknown_and_raises_nothing() -> None:
    (search,) = read_search([PERSONS], datetime(2026, 3, 10, 7, tzinfo=UTC))
    assert search.live is None
    assert search.error
    assert search.error.startswith(
        "Elasticsearch answered in an unexpected form (KeyError, see the log of the API server"
    )
