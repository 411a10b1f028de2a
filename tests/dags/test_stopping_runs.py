"""Stopping runs from the page and over its HTTP interface."""

from typing import Any

import pytest
from airflow.api.common.trigger_dag import trigger_dag
from airflow.api_fastapi.app import get_auth_manager
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import delete, select

from sync_airflow.night_reader import STOPPED
from sync_page.snapshot import forget
from tests.dags.test_sync_page import ALL_JOBS, STATUS_JOB, form_of, job_of_night, no_runs, put  # noqa: F401

NAME = "PersonRecordStatusJob"
DAG_ID = "person_record_status_job"
STOP_JOB = f"{STATUS_JOB}/stop"
ORIGIN = {"Origin": "http://airflow.test"}


@pytest.fixture(autouse=True)
def no_events(client: TestClient) -> None:  # noqa: ARG001, it makes the tables
    with create_session() as session:
        session.execute(delete(Log).where(Log.event == STOPPED))


def run_of(run_id: str) -> DagRun:
    with create_session() as session:
        run = session.scalars(select(DagRun).where(DagRun.run_id == run_id)).one()
        run.note  # noqa: B018, it is loaded while the session is open
        return run


def started(client: TestClient, path: str = STATUS_JOB) -> str:
    run_id: str = put(client, path).json()["run_id"]
    return run_id


def post(client: TestClient, name: str, content: str, role: str = "admin", **headers: str) -> Response:
    answer: Response = client.post(f"/sync/stop/{name}", content=content, headers=form_of(role) | ORIGIN | headers)
    return answer


def test_an_active_run_is_stopped_and_noted_with_the_user_and_the_reason(client: TestClient) -> None:
    run_id = started(client)
    answer = put(client, STOP_JOB, {"reason": "wrong date"})
    assert (answer.status_code, answer.json()) == (200, {"status": "Stopped", "run_ids": [run_id]})
    run = run_of(run_id)
    assert run.state == "failed"
    assert run.note == "Started by a-admin from /sync/.\nStopped by a-admin from /sync/. Reason: wrong date"
    deeds: list[dict[str, Any]] = client.get("/sync/api/runs", headers=form_of("viewer")).json()
    assert (deeds[0]["user"], deeds[0]["what"], deeds[0]["reason"]) == ("a-admin", f"stopped {NAME}", "wrong date")
    job = job_of_night(client, NAME)
    assert job["active"] is None
    assert put(client, STATUS_JOB).json()["status"] == "Just started"


def test_a_stopped_run_says_who_has_stopped_it_also_if_it_was_waiting_for_another_job(client: TestClient) -> None:
    run_id = started(client)
    put(client, STOP_JOB)
    forget()
    # Other tests of this process leave runs of other DAGs.
    runs = [each["run"] for each in client.get("/sync/api/runs", headers=form_of("viewer")).json() if each["run"]]
    (run,) = [run for run in runs if run["run_id"] == run_id]
    assert run["state"] == "failed"
    assert (run["reason"], run["stopped_by"]) == ("it was stopped by a-admin", None)


def test_nothing_is_stopped_if_no_run_is_active_or_another_one_than_that_was_meant(client: TestClient) -> None:
    assert put(client, STOP_JOB).status_code == 409
    run_id = started(client)
    answer = put(client, STOP_JOB, {"run_id": "manual__another"})
    assert (answer.status_code, "is not running. Nothing was stopped." in answer.json()["error"]) == (409, True)
    assert run_of(run_id).state == "queued"
    assert put(client, "/sync/api/job/Nobody/stop").status_code == 400


def test_recovery_is_stopped_with_the_run_that_it_has_started_and_no_other(client: TestClient) -> None:
    recovery = started(client, ALL_JOBS)
    with create_session() as session:
        for dag_id, run_id in (
            ("person_owner_rebuild_job", f"recovery__{recovery}__1"),
            ("post_funding_status_sync_job", "manual__1"),
            (DAG_ID, "recovery__manual__1__1"),
        ):
            trigger_dag(dag_id, run_id=run_id, triggered_by=DagRunTriggeredByType.REST_API, session=session)
    answer = put(client, "/sync/api/jobs/stop")
    assert answer.json()["run_ids"] == [recovery, f"recovery__{recovery}__1"]
    assert [run_of(run_id).state for run_id in answer.json()["run_ids"]] == ["failed", "failed"]
    assert (run_of("manual__1").state, run_of("recovery__manual__1__1").state) == ("queued", "queued")


def test_the_form_names_the_run_and_stops_it(client: TestClient) -> None:
    run_id = started(client)
    page = client.get(f"/sync/stop/{NAME}", headers=form_of("admin"))
    assert page.status_code == 200
    assert f'name="run_id" value="{run_id.replace("+", "&#43;")}"' in page.text or run_id in page.text
    answer = post(client, NAME, f"run_id={run_id.replace('+', '%2B')}&reason=")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/sync/?stopped={NAME}")
    assert run_of(run_id).state == "failed"
    again = post(client, NAME, f"run_id={run_id.replace('+', '%2B')}")
    assert (again.status_code, "has ended already" in again.text) == (409, True)
    assert client.get(f"/sync/stop/{NAME}", headers=form_of("admin")).status_code == 404


def test_another_site_cannot_stop_anything(client: TestClient) -> None:
    run_id = started(client)
    for headers in ({"Origin": "https://elsewhere.example"}, {"Origin": "null"}):
        assert post(client, NAME, f"run_id={run_id}", **headers).status_code == 403
        assert put(client, STOP_JOB, {}, **headers).status_code == 403
    assert run_of(run_id).state == "queued"


def test_a_viewer_is_told_which_right_is_missing(client: TestClient) -> None:
    run_id = started(client)
    expected = f"a-viewer lacks the right to edit runs of the DAG {DAG_ID}"
    assert expected in client.get(f"/sync/stop/{NAME}", headers=form_of("viewer")).text
    refused = put(client, STOP_JOB, role="viewer")
    assert (refused.status_code, expected in refused.json()["error"]) == (403, True)
    form = post(client, NAME, f"run_id={run_id}", role="viewer")
    assert (form.status_code, expected in form.text) == (403, True)
    assert run_of(run_id).state == "queued"


def test_the_right_is_asked_for_again_before_a_run_is_stopped(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = started(client)
    assert client.get(f"/sync/stop/{NAME}", headers=form_of("admin")).status_code == 200
    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", lambda **_: False)
    assert post(client, NAME, f"run_id={run_id}").status_code == 403
    assert run_of(run_id).state == "queued"
