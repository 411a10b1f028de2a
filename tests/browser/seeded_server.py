"""Airflow's API server alone, with a history of nights in its metadata database and a clock that stands still.

Started by seeded_airflow() as a process of its own, because Airflow reads its settings when it is imported:

    POST /seed/NAME     write the history of that name (tests/browser/histories.py) and set the clock
    POST /seed/token/ROLE  a token of a user with that role of Airflow
    POST /seed/runs     the runs that the page has started since
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local.ports import HOST, any_free_port
from tests.second_index.catalogue import add_second_index

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180

# Argument of the server.
SECOND_INDEX = "second-index"


@dataclass(frozen=True)
class SeededAirflow:
    """url: of the API server."""

    url: str

    def seed(self, name: str) -> None:
        """Let it be that history."""
        self._post(name)

    def token(self, role: str) -> str:
        """Of a user with that role; the cookie _token."""
        token: str = self._post(f"token/{role}")
        return token

    def started(self) -> list[dict[str, Any]]:
        """The runs that the page has started since the history was written: dag_id, conf, user, note."""
        runs: list[dict[str, Any]] = self._post("runs")
        return runs

    def _post(self, path: str) -> Any:
        request = urllib.request.Request(f"{self.url}/seed/{quote(path)}", method="POST")  # noqa: S310, our own server
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310, our own server
            return json.load(answer)


@contextmanager
def seeded_airflow(folder: Path, *, second_index: bool = False) -> Iterator[SeededAirflow]:
    """The server, until the end of the block. folder: for its home; its log is there, too.

    second_index: with the index posts and its job, and the history "two indices" (tests/second_index).
    """
    port = any_free_port()
    seeded = SeededAirflow(f"http://{HOST}:{port}")
    settings = {
        "AIRFLOW_HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "plugins"), str(ROOT)]),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # Nothing answers there.
        "AIRFLOW_CONN_TCS_ELASTICSEARCH": f"http://{HOST}:1",
        "NO_PROXY": HOST,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.browser.seeded_server", str(port)]
        command += [SECOND_INDEX] if second_index else []
        server = subprocess.Popen(command, cwd=ROOT, env=inherited | settings, stdout=log, stderr=log)
        try:
            _wait(seeded, server, folder)
            yield seeded
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait(seeded: SeededAirflow, server: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            return seeded.seed("fine")
        except OSError:
            is_over = server.poll() is not None or time.monotonic() > end
            assert not is_over, f"it does not start:\n{(folder / 'server.log').read_text()[-3000:]}"
            time.sleep(0.3)


def serve(port: int) -> None:
    """Run the server. Imports Airflow, so only in a process of its own."""
    # ruff: noqa: PLC0415
    import uvicorn
    from airflow import settings
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.utils import db
    from airflow.utils.session import create_session
    from sqlalchemy import event
    from sqlalchemy.exc import OperationalError
    from starlette.routing import Route

    from sync_jobs.index_definitions import INDEX_DEFINITIONS
    from sync_page import form_pages, index_checks, snapshot
    from tests.browser.checks import checked
    from tests.browser.histories import HISTORIES, NOW_OF_AIRFLOW, TWO_INDICES, two_indices
    from tests.seeding import new_runs, write_history

    db.initdb()
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(DagBag(str(ROOT / "dags")), "dags-folder", None)
    clock = NOW_OF_AIRFLOW
    for module in (snapshot, form_pages):
        setattr(module, "timezone", clock)  # noqa: B010, for mypy it is a module
    real_search = snapshot._search_facts.get

    class Database:
        """Airflow's database. While it is down, every statement fails."""

        is_down = False

        def execute(self, *_: Any) -> None:
            if self.is_down:
                raise OperationalError("SELECT 1", {}, Exception("server closed the connection"))

    database = Database()
    assert settings.engine is not None
    event.listen(settings.engine, "before_cursor_execute", database.execute)

    def answer(value: Any) -> Any:
        from starlette.responses import JSONResponse

        return JSONResponse(value)

    def seed(request: Any) -> Any:
        name = request.path_params["name"]
        facts = two_indices() if name == TWO_INDICES else HISTORIES[name]
        clock.now = facts.now
        database.is_down = False
        with create_session() as session:
            write_history(session, facts)
        database.is_down = facts.error is not None

        async def search() -> Any:
            return facts.search

        for definition in INDEX_DEFINITIONS:
            checks = index_checks.shared_checks(definition)
            checks._last = checks._next = None
            checks._read = partial(checked, facts, definition.alias)
        snapshot._search_facts.get = search if facts.search else real_search  # type: ignore[method-assign]
        snapshot.forget()
        return answer("seeded")

    def token(request: Any) -> Any:
        role = request.path_params["role"]
        return answer(get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=role, role=role)))

    def runs(_: Any) -> Any:
        with create_session() as session:
            return answer(new_runs(session))

    app = create_app(apps="core")
    app.router.routes[:0] = [
        Route("/seed/runs", runs, methods=["POST"]),
        Route("/seed/token/{role}", token, methods=["POST"]),
        Route("/seed/{name}", seed, methods=["POST"]),
    ]
    uvicorn.run(app, host=HOST, port=port, log_level="warning")


if __name__ == "__main__":
    if SECOND_INDEX in sys.argv[2:]:
        add_second_index()
    serve(int(sys.argv[1]))
