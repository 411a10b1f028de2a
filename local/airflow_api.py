"""The part of Airflow's REST API that the local stack uses."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from local.errors import StackError

DAGS_SECONDS = 90
POLL_SECONDS = 0.5
# The API server does not answer while it creates the routes for tasks, which takes seconds on an idle machine.
REQUEST_SECONDS = 120

Json = dict[str, Any]


class TaskId(NamedTuple):
    """A task of a DAG run."""

    dag_id: str
    run_id: str
    task_id: str

    @property
    def path(self) -> str:
        return f"/dags/{self.dag_id}/dagRuns/{_path(self.run_id)}/taskInstances/{self.task_id}"


class AirflowApi:
    """Logs in at the first request, and again when the login has expired."""

    def __init__(self, url: str, user: str, password: str, *, patience: float = REQUEST_SECONDS) -> None:
        """patience: seconds to wait for an answer."""
        self.url = url
        self._login = {"username": user, "password": password}
        # trust_env: no proxy of the user's for 127.0.0.1.
        self._client = httpx.Client(base_url=url, timeout=patience, trust_env=False)

    def __enter__(self) -> "AirflowApi":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def wait_for_dags(self, dag_ids: tuple[str, ...]) -> None:
        """Wait until Airflow has read them. Raises StackError with Airflow's message if a file cannot be imported."""
        end = time.monotonic() + DAGS_SECONDS
        while missing := set(dag_ids) - self._dag_ids():
            errors = self.get("/importErrors")["import_errors"]
            if errors:
                texts = [f"{error['filename']}:\n{error['stack_trace']}" for error in errors]
                raise StackError("Airflow cannot import a file:\n" + "\n".join(texts))
            if time.monotonic() > end:
                raise StackError(
                    f"Airflow has not found these DAGs within {DAGS_SECONDS} s: {', '.join(sorted(missing))}."
                )
            time.sleep(POLL_SECONDS)

    def unpause(self, dag_ids: tuple[str, ...]) -> None:
        for dag_id in dag_ids:
            self._request("PATCH", f"/dags/{dag_id}", json={"is_paused": False}, params={"update_mask": "is_paused"})

    def fail_run(self, dag_id: str, run_id: str) -> None:
        """Mark a run as failed, which stops its tasks."""
        path = f"/dags/{dag_id}/dagRuns/{_path(run_id)}"
        self._request("PATCH", path, json={"state": "failed"}, params={"update_mask": "state"})

    def active_run(self, dag_id: str) -> Json | None:
        """The oldest run that is running, or queued and due, if there is one. A run in the future is not active."""
        now = datetime.now(UTC).isoformat()
        active = {"state": ["queued", "running"], "run_after_lte": now, "order_by": "id", "limit": 1}
        runs: list[Json] = self.get(f"/dags/{dag_id}/dagRuns", active)["dag_runs"]
        return runs[0] if runs else None

    def start_run(self, dag_id: str, conf: Mapping[str, Any]) -> Json:
        return self._request("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": dict(conf)})

    def run(self, dag_id: str, run_id: str) -> Json:
        return self.get(f"/dags/{dag_id}/dagRuns/{_path(run_id)}")

    def tasks(self, dag_id: str, run_id: str) -> dict[str, Json]:
        """Task instances of a run by task id."""
        listed = self.get(f"/dags/{dag_id}/dagRuns/{_path(run_id)}/taskInstances", {"limit": 100})["task_instances"]
        return {task["task_id"]: task for task in listed}

    def xcom(self, task: TaskId, key: str) -> Any:
        """The XCom value of a task; None if the task has not set it."""
        try:
            return self.get(f"{task.path}/xcomEntries/{key}", {"deserialize": "true"})["value"]
        except NotFound:
            return None

    def log(self, task: TaskId, attempt: int) -> list[Json]:
        """Events of a task's log, oldest first; empty if there is no log."""
        try:
            content = self.get(f"{task.path}/logs/{attempt}", {"full_content": "true"})["content"]
        except NotFound:
            return []
        return [event if isinstance(event, dict) else {"event": event} for event in content]

    def night(self) -> Json:
        """The verdict of the latest night, as the page at /sync/ shows it. Raises StackError."""
        return self._request("GET", "/night", base="/sync/api")

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        return self._request("GET", path, params=params)

    def _dag_ids(self) -> set[str]:
        return {dag["dag_id"] for dag in self.get("/dags", {"limit": 100})["dags"]}

    def _request(self, method: str, path: str, **arguments: Any) -> Json:
        """Raises NotFound, or StackError if Airflow does not answer or refuses the request."""
        try:
            answer = self._send(method, path, **arguments)
        except httpx.HTTPError as error:  # also a refused login
            raise StackError(f"Airflow at {self.url} does not answer: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(f"Airflow does not know {path}.")
        if answer.is_error:
            raise StackError(f"Airflow refused {method} {path}: {answer.status_code} {answer.text}")
        content: Json = answer.json()
        return content

    def _send(self, method: str, path: str, *, base: str = "/api/v2", **arguments: Any) -> httpx.Response:
        answer = self._client.request(method, f"{base}{path}", **arguments)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            token = self._client.post("/auth/token", json=self._login).raise_for_status().json()["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
            answer = self._client.request(method, f"{base}{path}", **arguments)
        return answer


class NotFound(StackError):
    """The requested object does not exist in Airflow."""


def _path(part: str) -> str:
    return quote(part, safe="")
