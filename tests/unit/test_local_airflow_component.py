"""The components of Airflow in the local stack. Its scheduler starts once the API server answers."""

import atexit
import gc
import runpy
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from airflow.utils import db

from local import airflow_component
from local.airflow_component import GARBAGE_THRESHOLD, main, wait_for_api_server
from local.ports import HOST, any_free_port


class ApiServer:
    """Answers with each of these codes once, then with the last one. answered: what it has answered."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.answered: list[tuple[str, int]] = []
        self.url = ""


@contextmanager
def api_server(*codes: int) -> Iterator[ApiServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code = api.codes.pop(0) if api.codes[1:] else api.codes[0]
            api.answered.append((self.path, code))
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        api = ApiServer(*codes)
        api.url = f"http://{HOST}:{server.server_port}/execution/"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield api
        finally:
            server.shutdown()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, thresholds: list[int], last_calls: list[Any]) -> list[str]:
    """What has been started in place of Airflow."""
    started: list[str] = []
    monkeypatch.setattr(runpy, "run_module", lambda name, **_: started.append(name))
    monkeypatch.setattr(airflow_component, "import_module", lambda _: None)
    monkeypatch.setattr(gc, "set_threshold", thresholds.append)
    monkeypatch.setattr(atexit, "register", last_calls.append)
    return started


@pytest.fixture
def thresholds() -> list[int]:
    """The thresholds of the garbage collection that have been set."""
    return []


@pytest.fixture
def last_calls() -> list[Any]:
    """What is called when the process ends."""
    return []


def test_the_api_server_starts_after_the_setup(monkeypatch: pytest.MonkeyPatch, started: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["airflow_component", "api-server"])
    monkeypatch.setattr(db, "check_migrations", lambda _: started.append("setup"))
    main()
    assert started == ["setup", "airflow"]


def test_other_components_start_at_once(monkeypatch: pytest.MonkeyPatch, started: list[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["airflow_component", "triggerer"])
    main()
    assert started == ["airflow"]


@pytest.mark.usefixtures("started")
def test_the_search_for_garbage_is_rare_and_finds_nothing_at_the_end(
    monkeypatch: pytest.MonkeyPatch, thresholds: list[int], last_calls: list[Any]
) -> None:
    monkeypatch.setattr(sys, "argv", ["airflow_component", "triggerer"])
    main()
    assert (thresholds, last_calls) == ([GARBAGE_THRESHOLD], [gc.freeze])


def test_the_scheduler_starts_after_the_first_good_answer_of_the_api_for_tasks(
    monkeypatch: pytest.MonkeyPatch, started: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["airflow_component", "scheduler"])
    with api_server(503, 404, 200) as api:
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", api.url)
        main()
    assert api.answered == [("/execution/health", code) for code in (503, 404, 200)]
    assert started == ["airflow"]


def test_the_scheduler_ends_with_a_reason_if_the_api_server_never_answers(
    monkeypatch: pytest.MonkeyPatch, started: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["airflow_component", "scheduler"])
    url = f"http://{HOST}:{any_free_port()}/execution/"
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", url)
    monkeypatch.setattr(airflow_component, "wait_for_api_server", lambda: wait_for_api_server(patience=0.3))
    with pytest.raises(SystemExit, match=f"The API server does not answer at {url}"):
        main()
    assert started == []
