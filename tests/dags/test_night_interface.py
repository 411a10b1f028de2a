"""The addresses of the page and of old clients: api/night, runs, health, checks, rollback; status, dateOverride."""

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow import settings as airflow_settings
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from fastapi.testclient import TestClient
from sqlalchemy import event, select

from sync_airflow.monitoring.settings_check import what_is_lost
from sync_airflow.night.facts import BuildFact, Facts, SearchFact
from sync_jobs.catalogue import JOBS
from sync_page import snapshot
from tests.dags.test_sync_page import STATUS_JOB, as_user, no_runs, put, runs  # noqa: F401, fixtures
from tests.night_facts import MORNING, NIGHT, failed_with_dependants, fine_night, index, known, search

NIGHT_ADDRESS = "/sync/api/night"
ROLLBACK_ADDRESS = "/sync/api/index/persons/rollback"


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that sets what the snapshot consists of."""

    def given(facts: Facts, found: tuple[SearchFact, ...] = ()) -> None:
        async def read_facts() -> Facts:
            return facts

        async def read_search() -> tuple[SearchFact, ...]:
            return found or search()

        monkeypatch.setattr(snapshot._night_facts, "get", read_facts)
        monkeypatch.setattr(snapshot._search_facts, "get", read_search)

    return given


def get(client: TestClient, path: str, role: str = "viewer", **headers: str) -> Any:
    return client.get(path, headers=as_user(role) | headers)


def test_old_clients_get_a_flat_object_of_what_is_running(client: TestClient) -> None:
    snapshot.forget()
    answer = get(client, "/sync/api/jobs/status").json()
    assert answer == {job.name[0].lower() + job.name[1:]: False for job in JOBS}
    put(client, STATUS_JOB)
    answer = get(client, "/sync/api/jobs/status").json()
    assert [name for name, running in answer.items() if running] == ["personRecordStatusJob"]


@pytest.mark.parametrize("body", [{"dateOverride": "ANY"}, {"date_override": "ANY"}])
def test_a_date_override_has_its_old_and_its_new_name(client: TestClient, body: dict[str, str]) -> None:
    assert put(client, STATUS_JOB, body).json()["status"] == "Just started"
    assert runs()[0].conf == {"date_override": "ANY"}


def test_a_wrong_date_is_refused_with_the_words_of_the_running_service(client: TestClient) -> None:
    answer = put(client, STATUS_JOB, {"dateOverride": "tomorrow"})
    assert (answer.status_code, answer.json()) == (400, {"error": "The date is not correct: tomorrow"})
    assert put(client, STATUS_JOB, {"dateOverride": "ANY", "date_override": "ANY"}).status_code == 400


def test_an_empty_body_that_is_labelled_json_starts_a_run(client: TestClient) -> None:
    headers = as_user("admin") | {"Content-Type": "application/json"}
    assert client.put(STATUS_JOB, content=b"", headers=headers).json()["status"] == "Just started"


@pytest.mark.parametrize("path", ["/sync/api/jobs", "/sync/api/jobs/"])
def test_all_jobs_start_with_and_without_a_slash(client: TestClient, path: str) -> None:
    answer = put(client, path)
    assert (answer.status_code, answer.json()["status"]) == (200, "Just started")


def test_a_start_writes_a_note_with_the_user(client: TestClient) -> None:
    put(client, STATUS_JOB)
    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.dag_id == "person_record_status_job"))
        assert run is not None
        assert run.note == "Started by a-admin from /sync/."


def test_only_the_missing_jobs_can_be_started(client: TestClient) -> None:
    names = [JOBS[2].name, JOBS[1].name]
    answer = put(client, "/sync/api/jobs", {"run_date": "2026-11-27", "jobs": names})
    assert answer.status_code == 200
    assert runs()[0].conf == {"run_date": "2026-11-27", "only_jobs": [JOBS[1].dag_id, JOBS[2].dag_id]}


@pytest.mark.parametrize("jobs", [[], "PersonOwnerRebuildJob", ["Nobody"], [1]])
def test_a_list_that_does_not_name_jobs_is_refused(client: TestClient, jobs: Any) -> None:
    answer = put(client, "/sync/api/jobs", {"jobs": jobs})
    assert (answer.status_code, runs()) == (400, [])
    assert "jobs: expected a list with some of" in answer.json()["error"]


def test_one_answer_has_the_whole_night(client: TestClient, history: Any) -> None:
    stop = "person_trust: this run would remove 505520 of 505520, more than the 101104 allowed (20 %). Check for"
    name = JOBS[1].name
    history(known(fine_night(but=failed_with_dependants(name, reason=stop))), search(index(NIGHT - timedelta(days=1))))
    answer = get(client, NIGHT_ADDRESS).json()
    assert (answer["verdict"], answer["level"], answer["run_date"]) == ("needs you", "bad", "2026-11-27")
    assert answer["roots"] == [{"job": name, "followers": [JOBS[2].name, JOBS[5].name]}]
    job = answer["jobs"][1]
    assert (job["guard_rail"]["removed"], job["guard_rail"]["existing"], job["guard_rail"]["limits"]) == (
        505520,
        505520,
        {"maximum_removed_percent": 100.0},
    )
    assert "an empty or broken source table" in job["advice"]["todo"].lower()
    assert len(job["last_nights"]) == 14
    assert job["may_run"] is False
    assert get(client, NIGHT_ADDRESS, "op").json()["jobs"][1]["may_run"] is True


def test_a_night_that_has_not_changed_is_not_sent_again(client: TestClient, history: Any) -> None:
    facts = known(fine_night())
    history(facts)
    first = get(client, NIGHT_ADDRESS)
    history(replace(facts, now=MORNING + timedelta(seconds=5)))
    again = get(client, NIGHT_ADDRESS, **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    history(known(fine_night(without=[JOBS[0].name])))
    assert get(client, NIGHT_ADDRESS, **{"If-None-Match": first.headers["etag"]}).status_code == 200


def test_another_night_can_be_asked_for(client: TestClient, history: Any) -> None:
    history(known([*fine_night(), *fine_night(NIGHT - timedelta(days=1))]))
    answer = get(client, f"{NIGHT_ADDRESS}?date=2026-11-26").json()
    assert (answer["run_date"], answer["later"], answer["is_latest"]) == ("2026-11-26", "2026-11-27", False)
    wrong = get(client, f"{NIGHT_ADDRESS}?date=tomorrow")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "The date is not correct: tomorrow")


@pytest.mark.parametrize("date", ["2026-11-28", "2026-11-13", "0001-01-01", "9999-12-31"])
def test_a_night_that_is_to_come_or_whose_runs_are_not_read_has_no_verdict(
    client: TestClient, history: Any, date: str
) -> None:
    history(known(fine_night()))
    answer = get(client, f"{NIGHT_ADDRESS}?date={date}")
    text = f"date: expected a night from 2026-11-14 to 2026-11-27, got {date}"
    assert (answer.status_code, answer.json()["error"]) == (400, text)


def test_a_night_needs_a_login(client: TestClient) -> None:
    assert client.get(NIGHT_ADDRESS).status_code == 401


def test_a_database_that_does_not_answer_is_an_unknown_night(client: TestClient, history: Any) -> None:
    history(Facts(now=MORNING, error="Airflow's database gives no answer"))
    answer = get(client, NIGHT_ADDRESS)
    assert (answer.status_code, answer.json()["verdict"]) == (200, "unknown")
    assert get(client, "/sync/api/jobs/status").status_code == 503
    assert get(client, "/sync/api/runs").status_code == 503


def test_a_monitor_gets_the_verdict_without_a_login(client: TestClient, history: Any) -> None:
    history(known(fine_night()))
    fine = client.get("/sync/api/health")
    assert (fine.status_code, fine.json()["verdict"], fine.json()["done"]) == (200, "fine", 8)
    history(known([]))
    silent = client.get("/sync/api/health")
    assert (silent.status_code, silent.json()["verdict"], silent.json()["healthy"]) == (503, "nothing ran", False)
    assert "sentence" not in silent.json()


def test_who_did_what_lists_manual_runs(client: TestClient) -> None:
    put(client, STATUS_JOB, {"date_override": "ANY"})
    deeds = get(client, "/sync/api/runs").json()
    assert (deeds[0]["user"], deeds[0]["what"]) == ("a-admin", "PersonRecordStatusJob with the date override ANY")


def test_a_rollback_goes_to_a_neighbour_and_needs_a_reason(client: TestClient, history: Any) -> None:
    older = [index(NIGHT - timedelta(days=days)) for days in (1, 2)]
    history(known(fine_night()), search(index(), *older))
    assert "reason: expected" in put(client, ROLLBACK_ADDRESS, {"index": older[0].name}).json()["error"]
    far = put(client, ROLLBACK_ADDRESS, {"index": older[1].name, "reason": "wrong"})
    assert (far.status_code, "one index at a time" in far.json()["error"]) == (400, True)
    answer = put(client, ROLLBACK_ADDRESS, {"index": older[0].name, "reason": "wrong names"})
    assert (answer.status_code, answer.json()["status"]) == (200, "Just started")
    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.run_id == answer.json()["run_id"]))
        assert run is not None
        assert (run.conf, run.note) == (
            {"direction": "back", "dry_run": False},
            "Started by a-admin from /sync/. Reason: wrong names",
        )
        session.delete(run)


def test_a_rollback_is_refused_during_a_build(client: TestClient, history: Any) -> None:
    build = BuildFact(name="x", started=MORNING, documents=1, expected=2, documents_per_second=1, is_running=True)
    history(known(fine_night()), search(index(), index(NIGHT - timedelta(days=1)), build=build))
    kept = index(NIGHT - timedelta(days=1)).name
    assert put(client, ROLLBACK_ADDRESS, {"index": kept, "reason": "x"}).status_code == 409


def test_a_viewer_may_not_roll_back(client: TestClient) -> None:
    assert put(client, ROLLBACK_ADDRESS, {"index": "x", "reason": "x"}, role="viewer").status_code == 403


def test_many_visitors_cost_a_bounded_number_of_queries(client: TestClient) -> None:
    """However many runs there are and however many ask within a second."""
    asked: list[str] = []
    engine = airflow_settings.engine
    assert engine is not None

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "dag_run" in statement:
            asked.append(statement)

    get(client, NIGHT_ADDRESS)  # the rights of this user are known now
    snapshot.forget()
    event.listen(engine, "before_cursor_execute", count)
    try:
        get(client, NIGHT_ADDRESS)
        of_one_read, begin = len(asked), time.monotonic()
        for _ in range(10):
            get(client, NIGHT_ADDRESS)
        seconds = time.monotonic() - begin
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert 0 < of_one_read < 10
    assert len(asked) <= of_one_read * (2 + int(seconds))  # one read a second, and the first


def test_the_description_names_every_status_that_is_answered_and_no_other(client: TestClient) -> None:
    described = client.get("/sync/openapi.json").json()
    start = described["paths"]["/api/job/{name}"]["put"]["responses"]
    assert set(start) == {"200", "400", "401", "403", "409", "415", "500", "503"}
    assert start["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Started")
    assert "422" not in json.dumps(described)
    assert set(described["paths"]["/api/health"]["get"]["responses"]) == {"200", "503"}
    assert "304" in described["paths"]["/api/night"]["get"]["responses"]
    others = [(path, each) for path, methods in described["paths"].items() for each in methods.values()]
    for path, operation in others:
        if path != "/api/health":
            assert {"200", "401", "500", "503"} <= set(operation["responses"]), path
    for path in ("/api/job/{name}/stop", "/api/jobs/stop"):
        assert {"403", "409"} <= set(described["paths"][path]["put"]["responses"])


def test_the_description_is_a_page_that_loads_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/sync/api/")
    assert answer.status_code == 200
    assert "PUT /sync/api/job/{name}" in answer.text
    assert not re.findall(r'(?:src|href)="https?:', answer.text)
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_the_facts_of_a_run_are_read_from_airflow(client: TestClient) -> None:
    put(client, STATUS_JOB, {"run_date": datetime.now(UTC).date().isoformat()})
    night = get(client, NIGHT_ADDRESS).json()
    (running,) = night["running"]
    assert (running["job"], running["state"], running["user"]) == ("PersonRecordStatusJob", "queued", "a-admin")


def test_the_latest_night_names_settings_that_lose_metrics_and_an_earlier_one_does_not(
    client: TestClient, history: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(known(fine_night()))
    before = get(client, NIGHT_ADDRESS).json()
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_DATADOG_ENABLED", "True")  # whose package is not installed
    what_is_lost.cache_clear()
    try:
        history(known(fine_night()))
        night = get(client, NIGHT_ADDRESS).json()
        earlier = get(client, f"{NIGHT_ADDRESS}?date={NIGHT - timedelta(days=1)}").json()
    finally:
        what_is_lost.cache_clear()
    (warning,) = set(night["warnings"]) - set(before["warnings"])
    assert warning.startswith("Monitoring: All metrics are lost: AIRFLOW__METRICS__STATSD_DATADOG_ENABLED is set")
    assert (night["verdict"], night["level"]) == (before["verdict"], before["level"])
    assert not any(text.startswith("Monitoring") for text in earlier["warnings"])
