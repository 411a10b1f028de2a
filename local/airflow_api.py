"""Airflow's HTTP interface, as far as the local stack needs it."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx

from local.errors import StackError

DAGS_SECONDS = 90
LOOK_AGAIN_AFTER_SECONDS = 0.5
# The API server answers nobody while it makes its routes for tasks, at the first task of all: for seconds, if idle.
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
    """Logged in at the first request, and again when the login has run out."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._login = {"username": user, "password": password}
        # trust_env: a proxy of the user's would not know our 127.0.0.1.
        self._client = httpx.Client(base_url=url, timeout=REQUEST_SECONDS, trust_env=False)

    def __enter__(self) -> "AirflowApi":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def wait_for_dags(self, dag_ids: tuple[str, ...]) -> None:
        """Until Airflow has read them all. Raises StackError with Airflow's own words if a file cannot be imported."""
        end = time.monotonic() + DAGS_SECONDS
        while missing := set(dag_ids) - self._dag_ids():
            errors = self.get("/importErrors")["import_errors"]
            if errors:
                texts = [f"{error['filename']}:\n{error['stack_trace']}" for error in errors]
                raise StackError("Airflow cannot import a file:\n" + "\n".join(texts))
            if time.monotonic() > end:
                raise StackError(f"Airflow has not found within {DAGS_SECONDS} s: {', '.join(sorted(missing))}.")
            time.sleep(LOOK_AGAIN_AFTER_SECONDS)

    def unpause(self, dag_ids: tuple[str, ...]) -> None:
        for dag_id in dag_ids:
            self._request("PATCH", f"/dags/{dag_id}", json={"is_paused": False}, params={"update_mask": "is_paused"})

    def fail_run(self, dag_id: str, run_id: str) -> None:
        """End a run by marking it failed, and its tasks with it."""
        path = f"/dags/{dag_id}/dagRuns/{_path(run_id)}"
        self._request("PATCH", path, json={"state": "failed"}, params={"update_mask": "state"})

    def active_run(self, dag_id: str) -> Json | None:
        """The oldest run that is queued or running, if there is one."""
        active = {"state": ["queued", "running"], "order_by": "id", "limit": 1}
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
        """What a task has left under that key; None if nothing."""
        try:
            return self.get(f"{task.path}/xcomEntries/{key}", {"deserialize": "true"})["value"]
        except NotFound:
            return None

    def log(self, task: TaskId, attempt: int) -> list[Json]:
        """Events of a task's log, oldest first; none if there is no log."""
        try:
            content = self.get(f"{task.path}/logs/{attempt}", {"full_content": "true"})["content"]
        except NotFound:
            return []
        return [event if isinstance(event, dict) else {"event": event} for event in content]

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        return self._request("GET", path, params=params)

    def _dag_ids(self) -> set[str]:
        return {dag["dag_id"] for dag in self.get("/dags", {"limit": 100})["dags"]}

    def _request(self, method: str, path: str, **arguments: Any) -> Json:
        """Raises NotFound, or StackError for whatever else Airflow refuses."""
        try:
            answer = self._send(method, path, **arguments)
        except httpx.TransportError as error:
            raise StackError(f"Airflow at {self.url} does not answer: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(f"Airflow has nothing at {path}.")
        if answer.is_error:
            raise StackError(f"Airflow refuses {method} {path}: {answer.status_code} {answer.text}")
        content: Json = answer.json()
        return content

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        answer = self._client.request(method, f"/api/v2{path}", **arguments)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            token = self._client.post("/auth/token", json=self._login).raise_for_status().json()["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
            answer = self._client.request(method, f"/api/v2{path}", **arguments)
        return answer


class NotFound(StackError):
    """Airflow does not know what was asked for."""


def _path(part: str) -> str:
    return quote(part, safe="")
