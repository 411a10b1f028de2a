"""The state of the search indices and its address, from a server that answers differently than Elasticsearch."""

from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from elasticsearch import Elasticsearch
from fastapi.testclient import TestClient

from local import elasticsearch as local_elasticsearch
from sync_airflow import search_state
from sync_airflow.search_state import read_search
from sync_jobs.catalogue import Job, build_job
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.search.definition import IndexDefinition
from sync_page import night_interface
from tests.dags.test_sync_page import as_user, no_runs  # noqa: F401, fixtures
from tests.second_index.catalogue import job_that_builds, posts_definition

INDICES = "/sync/api/indices"
UNEXPECTED = "Elasticsearch answered in an unexpected form (KeyError, see the log of the API server"


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
    assert search.error.startswith(UNEXPECTED)


@pytest.mark.usefixtures("empty_answers")
def test_an_answer_in_an_unexpected_form_is_an_error_of_the_interface(client: TestClient) -> None:
    answer = client.get(INDICES, headers=as_user("viewer"))
    assert answer.status_code == 503
    assert answer.json()["error"].startswith(UNEXPECTED)


def test_while_elasticsearch_is_down_the_interface_says_so(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", "http://127.0.0.1:9")
    answer = client.get(INDICES, headers=as_user("viewer"))
    assert (answer.status_code, answer.json()) == (503, {"error": "Elasticsearch does not answer (ConnectionError)"})


def test_a_cluster_that_does_not_answer_is_not_asked_about_the_next_index(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    posts = posts_definition()
    monkeypatch.setattr(search_state, "build_job", job_of)
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", "http://127.0.0.1:9")
    found = read_search([PERSONS, posts], datetime(2026, 3, 10, 7, tzinfo=UTC))
    assert [(each.alias, each.error) for each in found] == [
        ("persons", "Elasticsearch does not answer (ConnectionError)"),
        ("posts", "Elasticsearch does not answer (ConnectionError)"),
    ]
    assert len([record for record in caplog.records if record.name == search_state.__name__]) == 1


def job_of(definition: IndexDefinition) -> Job:
    return build_job(PERSONS) if definition == PERSONS else job_that_builds(definition)


def test_who_may_not_view_the_job_that_builds_an_index_does_not_see_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def may_view(_: object, dag_id: str) -> bool:
        asked.append(dag_id)
        return False

    monkeypatch.setattr(night_interface, "may_view", may_view)
    answer = client.get(INDICES, headers=as_user("viewer"))
    assert answer.status_code == 403
    assert answer.json() == {"error": "You may not view the jobs that build the search indices"}
    assert asked == ["person_elastic_search_sync_job"]


def test_the_indices_need_a_login(client: TestClient) -> None:
    assert client.get(INDICES).status_code == 401


def test_an_index_that_cannot_be_read_does_not_hide_the_other(
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
    elasticsearch: Elasticsearch,
) -> None:
    posts = posts_definition()
    monkeypatch.setattr(search_state, "build_job", job_of)
    monkeypatch.setattr(night_interface, "build_job", job_of)
    monkeypatch.setattr(night_interface, "INDEX_DEFINITIONS", (PERSONS, posts))
    monkeypatch.setattr(night_interface, "may_view", lambda *_: True)
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", f"http://127.0.0.1:{elasticsearch_server.port}")
    elasticsearch.indices.create(index="persons-closed", aliases={"persons": {}})
    elasticsearch.indices.close(index="persons-closed")
    try:
        answer = client.get(INDICES, headers=as_user("viewer"))
    finally:
        elasticsearch.indices.delete(index="persons-closed")
    persons_found, posts_found = answer.json()
    assert answer.status_code == 200
    assert persons_found["error"].endswith("as expected: index_closed_exception")
    assert (posts_found["alias"], posts_found["error"], posts_found["live"]) == ("posts", None, None)
