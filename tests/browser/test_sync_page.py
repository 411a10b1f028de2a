"""The page at /sync/: what operators see, and what its buttons do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import psycopg
import pytest
from elasticsearch import Elasticsearch
from playwright.sync_api import Locator, Page, Route, expect

from sync_jobs.catalogue import find_job
from sync_jobs.parameters import job_parameters
from sync_jobs.search.index_alias import new_index_name
from tests.airflow_of_tests import StartedAirflow
from tests.expected_jobs import DAG_IDS, EXPECTED_JOBS

NAMES = [job.name for job in EXPECTED_JOBS]


def row(page: Page, name: str) -> Locator:
    """The row of a job."""
    return page.locator("tr", has=page.get_by_role("link", name=name, exact=True)).filter(has=page.locator(".state"))


def open_dialog(page: Page, name: str) -> Locator:
    page.goto("/sync/")
    page.get_by_role("button", name=f"Run {name} …").click()
    return page.get_by_role("dialog", name=f"Run {name}")


def wait_until_idle(airflow: StartedAirflow) -> None:
    """Wait until no job has a queued or running run."""
    for dag_id in (*DAG_IDS, "recovery"):
        while run := airflow.api.active_run(dag_id):
            airflow.wait_for_end(dag_id, run["dag_run_id"])


@pytest.fixture(autouse=True)
def idle(airflow: StartedAirflow) -> Iterator[None]:
    """No run is active before a test or after it."""
    wait_until_idle(airflow)
    yield
    wait_until_idle(airflow)


@contextmanager
def table_gone(airflow: StartedAirflow, table: str) -> Iterator[None]:
    with psycopg.connect(airflow.tcs_dsn, autocommit=True) as application:
        application.execute(f"ALTER TABLE {table} RENAME TO {table}_gone".encode())
        try:
            yield
        finally:
            application.execute(f"ALTER TABLE {table}_gone RENAME TO {table}".encode())


def test_the_menu_of_airflow_links_to_the_page(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Browse").click()
    with page.expect_popup() as opened:
        page.get_by_role("menuitem", name="Nightly sync").click()
    expect(opened.value.get_by_role("heading", name="Nightly sync")).to_be_visible()
    assert opened.value.url.endswith("/sync/")


def test_the_page_lists_the_jobs_in_order_with_their_times(page: Page) -> None:
    page.goto("/sync")
    rows = page.locator("#jobs tbody tr")
    expect(rows).to_have_count(len(EXPECTED_JOBS))
    cells = [each.locator("td").all_inner_texts() for each in rows.all()]
    shown = [(time, name.split("\n")[0]) for time, name, *_ in cells]
    assert shown == [(f"{job.at:%H:%M}", job.name) for job in EXPECTED_JOBS]


def test_the_name_of_a_job_links_to_its_page_in_airflow(page: Page) -> None:
    page.goto("/sync/")
    row(page, "PersonOwnerRebuildJob").get_by_role("link", name="PersonOwnerRebuildJob").click()
    page.wait_for_url("**/dags/person_owner_rebuild_job**")
    expect(page.get_by_role("heading", name="PersonOwnerRebuildJob")).to_be_visible()


def test_a_viewer_sees_the_jobs_and_no_button_that_runs_one(viewer_page: Page) -> None:
    viewer_page.goto("/sync/")
    expect(row(viewer_page, NAMES[-1])).to_be_visible()
    assert viewer_page.get_by_role("button").all_inner_texts() == ["Get status"]


def test_all_jobs_run_in_order_and_the_page_shows_which_failed_and_why(page: Page, airflow: StartedAirflow) -> None:
    page.goto("/sync/")
    page.get_by_role("button", name="Run all jobs …").click()
    with table_gone(airflow, "post_funding"):
        page.get_by_role("dialog", name="Run all jobs").get_by_role("button", name="Run", exact=True).click()
        expect(page.get_by_role("status")).to_have_text("all jobs: Just started.")
        expect(page.locator("#summary")).to_contain_text("recovery is running all jobs in order")
        expect(row(page, NAMES[0])).to_contain_text("succeeded")
        expect(page.locator("#summary")).to_contain_text("the last recovery failed: Run again")
    for name in NAMES:
        expect(row(page, name)).to_contain_text("failed" if name == "PostFundingStatusSyncJob" else "succeeded")
    expect(row(page, "PersonOwnerRebuildJob")).to_contain_text("300 read, 300 added")
    expect(row(page, "PersonOwnerRebuildJob")).to_contain_text("by recovery")
    failed = row(page, "PostFundingStatusSyncJob")
    expect(failed).to_contain_text("post_funding")
    expect(page.locator("#summary")).to_contain_text(
        f"{len(NAMES) - 1} of {len(NAMES)} jobs have succeeded since midnight"
    )
    expect(page.locator("#indices")).to_contain_text("persons-")
    failed.get_by_role("link", name="Log").click()
    page.wait_for_url("**/tasks/run_job**")


def test_a_job_that_is_started_on_the_page_is_followed_by_its_follow_on_jobs(
    page: Page, airflow: StartedAirflow
) -> None:
    dialog = open_dialog(page, "PostEmployingBodyTrustJob")
    expect(dialog).to_contain_text("Here: PostTrainingBodyTrustJob.")
    expect(dialog.get_by_label("Date override")).not_to_be_visible()
    dialog.get_by_label("Run date").fill("2026-03-10")
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("PostEmployingBodyTrustJob: Just started.")
    for name, how in (("PostEmployingBodyTrustJob", "manually"), ("PostTrainingBodyTrustJob", "as a follow-on job")):
        expect(row(page, name)).to_contain_text(f"for 2026-03-10, {how}")
        expect(row(page, name)).to_contain_text("succeeded")
    run = airflow.api.runs("post_employing_body_trust_job", "manual")[-1]
    defaults = {each.name: each.default for each in job_parameters(find_job("PostEmployingBodyTrustJob"))}
    assert run["conf"] == defaults | {"run_date": "2026-03-10"}


def test_the_status_job_asks_for_its_parameter_first_and_refuses_an_invalid_date(
    page: Page, airflow: StartedAirflow, complaints: list[str]
) -> None:
    before = airflow.api.run_ids("person_record_status_job")
    dialog = open_dialog(page, "PersonRecordStatusJob")
    dialog.get_by_label("Date override").fill("2026-02-30")
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(dialog.get_by_role("alert")).to_have_text("The date is not correct: 2026-02-30")
    assert airflow.api.run_ids("person_record_status_job") == before
    assert [text for text in complaints if "400" in text] == complaints  # the browser logs the refusal
    complaints.clear()
    dialog.get_by_label("Date override").fill("any")
    dialog.get_by_label("Dry run").check()
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(dialog).not_to_be_visible()
    status = row(page, "PersonRecordStatusJob")
    expect(status).to_contain_text("manually, dry run")
    expect(status).to_contain_text("succeeded")
    expect(status).to_contain_text("dry run: nothing was written")


def test_the_reasons_of_waits_and_failures_are_shown_as_text(page: Page) -> None:
    run = {
        "run_id": "scheduled__1",
        "started_by": "schedule",
        "run_date": "2026-11-24",
        "dry_run": False,
        "started": "2026-11-24T00:09:00Z",
        "seconds": 5.0,
        "path": "dags/one/runs/1",
        "failed_task": None,
    }
    markup = "<img src=x onerror=alert(1)>"

    def answer(route: Route) -> None:
        status = route.fetch().json()
        status["jobs"][0]["current"] = run | {"state": "running", "waits": f"for the end of {markup}"}
        status["jobs"][0]["last"] = run | {"state": "failed", "reason": markup}
        route.fulfill(json=status)

    page.route("**/api/jobs/status", answer)
    page.goto("/sync/")
    shown = row(page, NAMES[0])
    expect(shown.locator(".state")).to_have_text("waiting")
    expect(shown).to_contain_text(f"for the end of {markup}")
    expect(shown.locator(".did")).to_contain_text(markup)
    page.unroute_all(behavior="wait")


def test_a_running_build_is_shown_with_its_progress(page: Page, elasticsearch_client: Elasticsearch) -> None:
    name = new_index_name("persons", datetime.now(UTC))
    elasticsearch_client.indices.create(
        index=name, mappings={"_meta": {"alias": "persons", "expected_documents": 1000}}
    )
    for number in range(3):
        elasticsearch_client.index(index=name, document={"personId": number}, refresh=True)
    try:
        page.goto("/sync/")
        expect(page.locator("#indices")).to_contain_text(f"{name}: 3 of about 1,000 documents")
        expect(page.get_by_role("progressbar", name="Documents loaded")).to_have_attribute("max", "1000")
    finally:
        elasticsearch_client.indices.delete(index=name)


def test_only_one_of_simultaneous_requests_starts_the_job(airflow: StartedAirflow) -> None:
    login = {"username": "admin", "password": airflow.airflow.secrets["admin"]}
    with httpx.Client(base_url=airflow.url, timeout=60, trust_env=False) as client, ThreadPoolExecutor(8) as threads:
        token = client.post("/auth/token", json=login).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        before = airflow.api.run_ids("post_training_body_trust_job")
        answers = list(threads.map(lambda _: client.put("/sync/api/job/PostTrainingBodyTrustJob"), range(8)))
    assert sorted(answer.json()["status"] for answer in answers) == ["Already running"] * 7 + ["Just started"]
    (run_id,) = airflow.api.run_ids("post_training_body_trust_job") - before
    assert {answer.json()["run_id"] for answer in answers} == {run_id}
