"""The HTTP interface at /sync/ in Airflow's API server: permissions, errors, and starting runs."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from airflow import settings as airflow_settings
from airflow.api.common.trigger_dag import trigger_dag
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.revoked_token import RevokedToken
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType
from elasticsearch import Elasticsearch
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import QueuePool, delete, select, update
from sqlalchemy.exc import OperationalError

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from sync_airflow.night_reader import DAGS
from sync_airflow.restart.recovery_trigger import run_in_its_place
from sync_jobs.catalogue import JOBS, build_job, find_job
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.parameters import Parameter, job_parameters, recovery_parameters
from sync_jobs.postgres.locks import advisory_lock
from sync_page import rights
from sync_page.snapshot import forget

NIGHT = "/sync/api/night"
ALL_JOBS = "/sync/api/jobs"
STATUS_JOB = "/sync/api/job/PersonRecordStatusJob"
DAG_IDS = [*(job.dag_id for job in JOBS), "recovery"]

REFUSED = [
    ({"dryrun": True}, "Unknown parameter 'dryrun'. Expected some of date_override, run_date, "),
    ({"dry_run": "yes"}, "dry_run: "),
    ({"run_follow_on_jobs": 1}, "run_follow_on_jobs: "),
    ({"run_date": "2026-02-30"}, "The date is not correct: 2026-02-30"),
    ({"run_date": 1}, "run_date: "),
    ({"date_override": "tomorrow"}, "The date is not correct: tomorrow"),
    ({"date_override": "2026-2-3"}, "The date is not correct: 2026-2-3"),
    ({"date_override": "ANY\x00"}, "The date is not correct: ANY\x00"),
    ({"date_override": "\ud800"}, "The date is not correct: \\ud800"),
    ({"run_date": "\ud800"}, "The date is not correct: \\ud800"),
    ({"maximum_removed_percent": 101}, "maximum_removed_percent: "),
    ({"maximum_removed_percent": "NaN"}, "maximum_removed_percent: "),
    ({"maximum_removed_percent": "5"}, "maximum_removed_percent: "),
    ({"maximum_removed_percent": True}, "maximum_removed_percent: "),
    ({"maximum_changed_percent": 101}, "maximum_changed_percent: "),
    ({"maximum_added_percent": -1}, "maximum_added_percent: "),
    ({"maximum_added_percent": "900"}, "maximum_added_percent: "),
    ([], "Expected a JSON object"),
    ("2026-01-01", "Expected a JSON object"),
]


@pytest.fixture(autouse=True)
def no_runs(client: TestClient) -> None:  # noqa: ARG001, it makes the tables
    """No run of any job, and no DAG paused."""
    with create_session() as session:
        session.execute(delete(DagRun).where(DagRun.dag_id.in_(DAG_IDS)))
        session.execute(update(DagModel).values(is_paused=False))


def as_user(role: str) -> dict[str, str]:
    """The header of a user with one of Airflow's roles."""
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=f"a-{role}", role=role))
    return {"Authorization": f"Bearer {token}"}


def form_of(role: str) -> dict[str, str]:
    """The headers of a form that a browser sends for a user with that role."""
    token = as_user(role)["Authorization"].removeprefix("Bearer ")
    return {"Cookie": f"_token={token}", "Content-Type": "application/x-www-form-urlencoded"}


def put(client: TestClient, path: str, body: Any = None, *, role: str = "admin", **headers: str) -> Response:
    # In ASCII only, so that a test can send half of a surrogate pair.
    content = None if body is None else json.dumps(body)
    headers = as_user(role) | {"Content-Type": "application/json"} | headers
    answer: Response = client.put(path, content=content, headers=headers)
    return answer


def night(client: TestClient, role: str = "viewer") -> dict[str, Any]:
    """What the page shows now."""
    forget()
    answer: dict[str, Any] = client.get(NIGHT, headers=as_user(role)).json()
    return answer


def job_of_night(client: TestClient, name: str) -> dict[str, Any]:
    """What the page shows of the job of that name."""
    jobs: list[dict[str, Any]] = night(client)["jobs"]
    (found,) = (job for job in jobs if job["name"] == name)
    return found


def runs() -> list[DagRun]:
    with create_session() as session:
        return list(session.scalars(select(DagRun).where(DagRun.dag_id.in_(DAG_IDS))))


def test_the_address_without_its_slash_redirects_to_the_page(client: TestClient) -> None:
    answer = client.get("/sync")
    assert (answer.status_code, answer.headers["location"]) == (307, "/sync/")


def test_a_visitor_who_is_not_logged_in_is_redirected_to_the_login_and_back(client: TestClient) -> None:
    answer = client.get("/sync/")
    assert answer.status_code == 303
    assert re.fullmatch(r"/auth/login\?next=http.*%2Fsync%2F", answer.headers["location"])


@pytest.mark.parametrize(
    ("base_url", "headers", "next_url"),
    [
        ("", {}, "http://airflow.test/sync/"),
        ("", {"X-Forwarded-Proto": "https"}, "https://airflow.test/sync/"),
        ("https://sync.example", {}, "https://sync.example/sync/"),
        ("https://sync.example/airflow/", {"X-Forwarded-Proto": "https"}, "https://sync.example/airflow/sync/"),
        ("http://sync.example", {"X-Forwarded-Host": "sync.example"}, "http://sync.example/sync/"),
        ("http://127.0.0.1:8080", {}, "http://airflow.test/sync/"),
    ],
)
def test_the_login_leads_back_to_the_address_that_the_browser_knows(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, base_url: str, headers: dict[str, str], next_url: str
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    location = client.get("/sync/", headers=headers).headers["location"]
    assert parse_qs(urlsplit(location).query)["next"] == [next_url]


def test_behind_a_proxy_that_changes_the_host_the_refusal_names_the_setting_that_repairs_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = put(client, STATUS_JOB, {}, Origin="https://sync.example", Host="internal:8080")
    assert answer.status_code == 403
    assert (
        "Expected one of internal:8080. If a proxy changes the Host of requests, set AIRFLOW__API__BASE_URL"
        in (answer.json()["error"])
    )
    for base_url in ("https://sync.example", "https://sync.example:443/", "https://Sync.Example"):
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
        assert put(client, STATUS_JOB, {}, Origin="https://sync.example", Host="internal:8080").status_code == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "http://airflow.test"}, 303),
        ({}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://airflow.test", "Content-Type": "text/plain"}, 415),
    ],
)
def test_a_form_is_accepted_from_the_page_itself_only(client: TestClient, headers: dict[str, str], code: int) -> None:
    headers = form_of("admin") | headers
    answer = client.post("/sync/run/PostFundingStatusSyncJob", content="dry_run=on", headers=headers)
    assert answer.status_code == code
    assert len(runs()) == (1 if code == 303 else 0)


def test_a_form_without_a_login_starts_nothing(client: TestClient) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://airflow.test"}
    path = "/sync/run/PostFundingStatusSyncJob"
    assert client.post(path, content="", headers=headers).status_code == 303
    assert client.post(path, content="", headers=headers | {"X-Sync-Script": "1"}).status_code == 401
    assert not runs()


def test_a_form_asks_for_the_right_again_before_it_starts_a_run(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rights that the page shows are kept for some seconds, so they may have been taken away meanwhile."""
    path, headers = "/sync/run/PostFundingStatusSyncJob", form_of("admin") | {"Origin": "http://airflow.test"}
    assert client.get(path, headers=headers).status_code == 200
    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", lambda **_: False)
    answer = client.post(path, content="dry_run=on", headers=headers)
    assert (answer.status_code, runs()) == (403, [])
    assert "lacks the right to create runs of the DAG" in answer.text


@pytest.mark.parametrize("path", ["run/PostFundingStatusSyncJob", "run/all", "run/missing"])
def test_a_viewer_cannot_start_a_run_with_a_form(client: TestClient, path: str) -> None:
    headers = form_of("viewer") | {"Origin": "http://airflow.test"}
    answer = client.post(f"/sync/{path}", content="jobs=PostFundingStatusSyncJob", headers=headers)
    assert answer.status_code == 403
    assert "lacks the right to create runs of the DAG" in answer.text
    assert not runs()


def test_the_page_loads_nothing_from_other_sites(client: TestClient) -> None:
    token = as_user("viewer")["Authorization"].removeprefix("Bearer ")
    client.cookies.set("_token", token)
    answer = client.get("/sync/")
    client.cookies.clear()
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    addresses = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert all(re.match("/(?!/)|#", address) for address in addresses), addresses
    files = [address for address in addresses if address.startswith("/sync/static/")]
    assert len(files) == 3
    for address in files:
        assert client.get(address).status_code == 200, address
    assert not re.search(r"<script(?![^>]* src=)| style=| on[a-z]+=|<style", answer.text)


def test_no_other_site_can_embed_a_page_of_airflow(client: TestClient) -> None:
    for path in ("/", "/dags", "/auth/login", "/api/v2/version"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == "frame-ancestors 'self'", path
        assert headers["x-frame-options"] == "SAMEORIGIN", path
    own = client.get("/sync/api/").headers["content-security-policy"]
    assert "frame-ancestors 'none'" in own
    assert "frame-ancestors 'self'" not in own


def test_while_the_database_does_not_know_the_cookie_the_page_says_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> bool:
        raise OperationalError("SELECT 1", {}, Exception("server closed the connection"))

    headers = {"Cookie": form_of("viewer")["Cookie"]}
    monkeypatch.setattr(RevokedToken, "is_revoked", fail)
    page = client.get("/sync/", headers=headers)
    assert page.status_code == 503
    assert "It is not known how the night went: Airflow&#39;s database failed (OperationalError)." in page.text.replace(
        "<wbr>", ""
    )
    assert "SELECT" not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    answer = client.get(NIGHT, headers=headers)
    assert (answer.status_code, answer.json()["error"][:34]) == (503, "Airflow's metadata database failed")
    form = client.get("/sync/run/PersonOwnerRebuildJob", headers=headers)
    assert (form.status_code, "metadata database failed" in form.text) == (503, True)
    assert client.get("/sync/static/page.css", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/sync/", "/sync/static/page.js", "/sync/static/vendor/idiomorph-0.8.0.js", NIGHT])
def test_browsers_revalidate_their_copies(client: TestClient, path: str) -> None:
    headers = client.get(path, headers=as_user("viewer")).headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-cache", "nosniff")


@pytest.mark.parametrize("path", [NIGHT, "/sync/api/indices"])
def test_a_visitor_who_is_not_logged_in_sees_nothing(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (401, {"error": "Not authenticated"})


@pytest.mark.parametrize("path", [STATUS_JOB, ALL_JOBS])
def test_a_visitor_who_is_not_logged_in_starts_nothing(client: TestClient, path: str) -> None:
    assert client.put(path, json={}).status_code == 401
    assert not runs()


def test_a_viewer_sees_all_jobs_and_may_run_none(client: TestClient) -> None:
    answer = night(client)
    assert [job["name"] for job in answer["jobs"]] == [job.name for job in JOBS]
    assert not any(job["may_run"] for job in answer["jobs"])
    assert not answer["may_run_all"]


@pytest.mark.parametrize("path", [STATUS_JOB, ALL_JOBS])
def test_a_viewer_who_starts_a_job_is_refused(client: TestClient, path: str) -> None:
    answer = put(client, path, {}, role="viewer")
    assert answer.status_code == 403
    assert "You may not run" in answer.json()["error"]
    assert not runs()


def test_permissions_are_checked_before_a_connection_is_taken(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each check takes a connection of its own: with many visitors, all would wait for a second one.
    held = []
    engine = airflow_settings.engine
    assert engine
    pool = engine.pool
    assert isinstance(pool, QueuePool)

    def asked(_user: Any, _dag_id: str) -> bool:
        held.append(pool.checkedout())
        return True

    monkeypatch.setattr("sync_page.rights.may_view", asked)
    monkeypatch.setattr("sync_page.rights.may_run", asked)
    rights._known.clear()
    assert client.get(NIGHT, headers=as_user("viewer")).status_code == 200
    rights._known.clear()
    assert held == [0] * 2 * len(DAGS)


def test_a_job_of_the_night_includes_its_row_of_the_catalogue(client: TestClient) -> None:
    job = night(client, "op")["jobs"][1]
    assert (job["at"], job["name"]) == ("00:09", "PersonPlacementEmployingBodyTrustJob")
    assert job["then_run"] == ["PersonPlacementTrainingBodyTrustJob", "PersonElasticSearchSyncJob"]
    assert (job["active"], job["run"], job["may_run"]) == (None, None, True)


@pytest.mark.parametrize("name", ["PersonRecordStatusJob", "personRecordStatusJob", "person_record_status_job"])
def test_a_job_is_started_once_and_then_already_running(client: TestClient, name: str) -> None:
    first = put(client, f"/sync/api/job/{name}")
    assert (first.status_code, first.json()["status"]) == (200, "Just started")
    second = put(client, STATUS_JOB, {})
    assert (second.status_code, second.json()["status"]) == (200, "Already running")
    assert second.json()["run_id"] == first.json()["run_id"]
    (run,) = runs()
    assert (run.dag_id, run.run_id, run.conf) == ("person_record_status_job", first.json()["run_id"], {})
    assert run.triggering_user_name == "a-admin"
    active = job_of_night(client, "PersonRecordStatusJob")["active"]
    assert (active["state"], active["started_by"]) == ("queued", "manual")


def test_a_run_gets_the_given_parameters_and_no_others(client: TestClient) -> None:
    body = {
        "run_date": " 2028-02-29 ",
        "date_override": "any",
        "dry_run": True,
        "run_follow_on_jobs": False,
        "maximum_removed_percent": 0,
        "maximum_added_percent": 900,
    }
    assert put(client, STATUS_JOB, body).status_code == 200
    assert runs()[0].conf == body | {"run_date": "2028-02-29"}


def test_blank_dates_count_as_empty(client: TestClient) -> None:
    assert put(client, STATUS_JOB, {"run_date": " ", "date_override": "", "dry_run": None}).status_code == 200
    assert runs()[0].conf == {"date_override": ""}


@pytest.mark.parametrize(("path", "dag_id"), [(STATUS_JOB, "person_record_status_job"), (ALL_JOBS, "recovery")])
def test_a_run_in_the_future_does_not_stop_anybody_from_starting_one_now(
    client: TestClient, path: str, dag_id: str
) -> None:
    later = datetime.now(UTC) + timedelta(days=40)
    with create_session() as session:
        trigger_dag(dag_id, run_after=later, triggered_by=DagRunTriggeredByType.REST_API, session=session)
    assert put(client, path).json()["status"] == "Just started"
    assert put(client, path).json()["status"] == "Already running"
    if dag_id != "recovery":
        assert later.date().isoformat() in job_of_night(client, "PersonRecordStatusJob")["blocked_by"]


def test_a_restart_does_not_take_a_run_in_the_future_for_tonights(
    client: TestClient,  # noqa: ARG001, it makes the tables
) -> None:
    started = datetime.now(UTC)
    with create_session() as session:
        later = started + timedelta(days=40)
        trigger_dag("recovery", run_after=later, triggered_by=DagRunTriggeredByType.REST_API, session=session)
    with create_session() as session:
        assert run_in_its_place(session, started) is None
        trigger_dag("recovery", run_id="restart__1", triggered_by=DagRunTriggeredByType.CLI, session=session)
    with create_session() as session:
        assert run_in_its_place(session, started) == "restart__1"


def test_all_jobs_are_started_as_one_recovery(client: TestClient) -> None:
    first = put(client, ALL_JOBS, {"run_date": "2026-11-24"})
    assert (first.status_code, first.json()["status"]) == (200, "Just started")
    assert put(client, ALL_JOBS).json()["status"] == "Already running"
    (run,) = runs()
    assert (run.dag_id, run.conf) == ("recovery", {"run_date": "2026-11-24"})


def test_an_unknown_job_is_not_found_and_the_answer_lists_the_jobs(client: TestClient) -> None:
    answer = put(client, "/sync/api/job/PersonOwnerRebuild", {})
    assert (answer.status_code, answer.json()["error"]) == (400, "Job not found")
    assert answer.json()["expected"] == [job.name for job in JOBS]


@pytest.mark.parametrize(("body", "error"), REFUSED)
def test_an_invalid_body_is_refused_and_starts_nothing(client: TestClient, body: Any, error: str) -> None:
    answer = put(client, STATUS_JOB, body)
    assert answer.status_code == 400
    assert error in answer.json()["error"]
    assert not runs()


def test_a_job_without_a_date_override_refuses_one(client: TestClient) -> None:
    answer = put(client, "/sync/api/job/PersonOwnerRebuildJob", {"date_override": "ANY"})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Unknown parameter 'date_override'. Expected some of run_date, ")


def test_recovery_refuses_a_dry_run_and_names_its_parameters(client: TestClient) -> None:
    error = put(client, ALL_JOBS, {"dry_run": True}).json()["error"]
    assert error.startswith("Unknown parameter 'dry_run'. Expected some of run_date, ")


@pytest.mark.parametrize(
    ("path", "expected"),
    [(STATUS_JOB, job_parameters(find_job("PersonRecordStatusJob"))), (ALL_JOBS, recovery_parameters())],
)
def test_the_parameters_of_a_run_are_served_with_their_texts_and_defaults(
    client: TestClient, path: str, expected: tuple[Parameter, ...]
) -> None:
    served = client.get(f"{path}/parameters", headers=as_user("viewer")).json()
    wanted = [parameter for parameter in expected if parameter.has_effect]
    assert [parameter["name"] for parameter in served] == [parameter.name for parameter in wanted]
    for parameter, own in zip(served, wanted, strict=True):
        assert (parameter["kind"], parameter["title"], parameter["explanation"], parameter["default"]) == (
            own.kind,
            own.title,
            own.explanation,
            own.default,
        )


@pytest.mark.parametrize("path", [STATUS_JOB, ALL_JOBS])
def test_a_visitor_who_is_not_logged_in_gets_no_parameters(client: TestClient, path: str) -> None:
    assert client.get(f"{path}/parameters").status_code == 401


def test_an_unknown_job_has_no_parameters(client: TestClient) -> None:
    answer = client.get("/sync/api/job/PersonOwnerRebuild/parameters", headers=as_user("viewer"))
    assert (answer.status_code, answer.json()["error"]) == (400, "Job not found")


def test_a_body_that_is_not_json_is_refused(client: TestClient) -> None:
    headers = as_user("admin") | {"Content-Type": "application/json"}
    answer = client.put(STATUS_JOB, content=b"{", headers=headers)
    assert (answer.status_code, runs()) == (400, [])
    assert "Expected a JSON object" in answer.json()["error"]


def test_a_paused_job_is_not_started(client: TestClient) -> None:
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == "person_record_status_job").values(is_paused=True))
    answer = put(client, STATUS_JOB, {})
    assert (answer.status_code, runs()) == (409, [])
    assert "is paused: unpause it" in answer.json()["error"]
    assert job_of_night(client, "PersonRecordStatusJob")["is_paused"]


def test_a_job_whose_file_is_missing_is_not_started(client: TestClient) -> None:
    own = DagModel.dag_id == "person_record_status_job"
    with create_session() as session:
        session.execute(update(DagModel).where(own).values(is_stale=True))
    answer = put(client, STATUS_JOB, {})
    with create_session() as session:
        session.execute(update(DagModel).where(own).values(is_stale=False))
    assert (answer.status_code, runs()) == (503, [])
    assert "its file is missing or cannot be imported" in answer.json()["error"]


@pytest.mark.parametrize("path", [STATUS_JOB, ALL_JOBS])
def test_another_site_cannot_start_anything_with_a_visitors_cookie(client: TestClient, path: str) -> None:
    answer = put(client, path, {}, Origin="https://elsewhere.example")
    assert (answer.status_code, runs()) == (403, [])
    assert "https://elsewhere.example" in answer.json()["error"]
    for origin in ("null", "", "//airflow.test", "http://[", "http://airflow.test@elsewhere.example"):
        assert put(client, path, {}, Origin=origin).status_code == 403, origin


def test_airflows_own_pages_can_start_a_job(client: TestClient) -> None:
    assert put(client, STATUS_JOB, {}, Origin="http://airflow.test").status_code == 200


def test_a_form_of_another_site_cannot_start_anything(client: TestClient) -> None:
    # A browser sends it without the preflight request that comes before JSON.
    headers = as_user("admin") | {"Content-Type": "text/plain"}
    answer = client.put(STATUS_JOB, content=b"{}", headers=headers)
    assert (answer.status_code in (400, 415), runs()) == (True, [])


def test_without_a_connection_to_elasticsearch_the_page_says_what_is_missing(client: TestClient) -> None:
    answer = client.get("/sync/api/indices", headers=as_user("viewer"))
    assert answer.status_code == 503
    assert "tcs_elasticsearch is missing" in answer.json()["error"]


@pytest.mark.parametrize(
    ("connection", "error"),
    [
        ({"host": "127.0.0.1", "extra": {"nonsense": 1}}, "the client does not accept a host or an argument"),
        ({"host": "bad host"}, "expected a host as name, name:port, [IPv6 address]:port or URL"),
        ({"host": "a:b:c"}, "expected a host as name, name:port, [IPv6 address]:port or URL"),
    ],
)
def test_an_unusable_connection_is_reported(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], error: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", json.dumps({"conn_type": "elasticsearch"} | connection))
    answer = client.get("/sync/api/indices", headers=as_user("viewer"))
    assert answer.status_code == 503
    assert f"Connection tcs_elasticsearch: {error}" in answer.json()["error"]


def test_the_next_node_is_asked_if_one_is_down(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, elasticsearch_server: local_elasticsearch.Elasticsearch
) -> None:
    connection = {"conn_type": "elasticsearch", "host": f"127.0.0.1:9,127.0.0.1:{elasticsearch_server.port}"}
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", json.dumps(connection))
    answers = [client.get("/sync/api/indices", headers=as_user("viewer")) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4


def test_the_reason_why_elasticsearch_cannot_read_an_index_is_reported(
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
    elasticsearch: Elasticsearch,
) -> None:
    connection = {"conn_type": "elasticsearch", "host": f"127.0.0.1:{elasticsearch_server.port}"}
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", json.dumps(connection))
    elasticsearch.indices.create(index="persons-closed", aliases={"persons": {}})
    elasticsearch.indices.close(index="persons-closed")
    answer = client.get("/sync/api/indices", headers=as_user("viewer"))
    elasticsearch.indices.delete(index="persons-closed")
    assert answer.status_code == 503
    assert answer.json()["error"].endswith("as expected: index_closed_exception")


def test_an_unfinished_index_is_shown_as_being_built_only_while_the_lock_of_its_build_is_held(
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
    elasticsearch: Elasticsearch,
    postgres_server: local_postgres.Postgres,
) -> None:
    connection = {"conn_type": "elasticsearch", "host": f"127.0.0.1:{elasticsearch_server.port}"}
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", json.dumps(connection))
    name = "persons-20260310t012900-000000"
    elasticsearch.indices.create(index=name, mappings={"_meta": {"alias": "persons"}})

    def is_running() -> bool | None:
        answer = client.get("/sync/api/indices", headers=as_user("viewer")).json()
        assert answer[0]["build"]["name"] == name
        running: bool | None = answer[0]["build"]["is_running"]
        return running

    assert is_running() is None  # there is no connection to PostgreSQL
    dsn = postgres_server.dsn(local_postgres.ADMINISTRATOR, "postgres")
    monkeypatch.setenv("AIRFLOW_CONN_TCS_POSTGRES", dsn)
    assert is_running() is False
    with psycopg.connect(dsn, autocommit=True) as rollback, advisory_lock(rollback, PERSONS.lock_name):
        assert is_running() is False
    with psycopg.connect(dsn, autocommit=True) as build, advisory_lock(build, build_job(PERSONS).name):
        assert is_running() is True
    elasticsearch.indices.delete(index=name)


def test_an_unreachable_elasticsearch_is_reported_within_seconds(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", "http://127.0.0.1:9")
    answer = client.get("/sync/api/indices", headers=as_user("viewer"))
    assert answer.status_code == 503
    assert "Elasticsearch does not answer" in answer.json()["error"]


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (OperationalError("SELECT 1", {}, Exception("server closed the connection")), 503, "metadata database"),
        (ZeroDivisionError(), 500, "Unexpected error, ZeroDivisionError: see the log of Airflow's API server"),
    ],
)
def test_an_unexpected_error_is_reported_without_details(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, text: str
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("sync_page.interface.rights_of", fail)
    patient = TestClient(client.app, base_url=client.base_url, raise_server_exceptions=False)
    answer = patient.get("/sync/api/jobs/status", headers=as_user("viewer"))
    assert answer.status_code == code
    assert text in answer.json()["error"]
    assert "SELECT" not in answer.text


def test_an_unknown_address_is_an_error_too(client: TestClient) -> None:
    answer = client.get("/sync/api/nowhere", headers=as_user("viewer"))
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})
