"""The page at /sync/ in a real Airflow: what its buttons start, and how that ends."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from sync_jobs.catalogue import find_job
from sync_jobs.parameters import job_parameters
from tests.airflow_of_tests import StartedAirflow
from tests.expected_jobs import DAG_IDS, EXPECTED_JOBS

DASH = "\N{EN DASH}"


def row(page: Page, name: str) -> Locator:
    """The row of a job."""
    return page.locator(f"[data-job={name}]")


def open_dialog(page: Page, name: str) -> Locator:
    page.goto("/sync/")
    row(page, name).locator("a.button").click()
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


def test_the_menu_of_airflow_links_to_the_page(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Browse").click()
    with page.expect_popup() as opened:
        page.get_by_role("menuitem", name="Nightly sync").click()
    expect(opened.value.get_by_role("link", name="Nightly sync")).to_be_visible()
    assert opened.value.url.endswith("/sync/")


def test_the_page_lists_the_jobs_in_order_with_their_times(page: Page) -> None:
    page.goto("/sync")
    rows = page.locator("#jobs tbody tr")
    expect(rows).to_have_count(len(EXPECTED_JOBS))
    shown = [(each.locator(".at").inner_text(), each.get_attribute("data-job")) for each in rows.all()]
    assert shown == [(f"{job.at:%H:%M}", job.name) for job in EXPECTED_JOBS]


def test_the_name_of_a_job_links_to_its_page_in_airflow(page: Page) -> None:
    page.goto("/sync/")
    row(page, "PersonOwnerRebuildJob").get_by_role("link", name="PersonOwnerRebuildJob", exact=True).click()
    page.wait_for_url("**/dags/person_owner_rebuild_job**")
    expect(page.get_by_role("heading", name="PersonOwnerRebuildJob")).to_be_visible()


def test_all_jobs_run_in_order_and_search_is_as_of_that_run(page: Page, airflow: StartedAirflow) -> None:
    page.goto("/sync/")
    page.locator("#run-all").click()
    page.get_by_role("dialog", name="Run all 8 jobs").get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("All jobs have been started, in order.")
    expect(page.locator("#fact-running")).to_contain_text("All jobs, in order")
    expect(page.locator(".deeds li").first).to_contain_text(f"admin: all jobs {DASH} succeeded")
    (run,) = airflow.api.runs("recovery", "manual")[-1:]
    assert run["state"] == "success"
    assert run["note"] == "Started by admin from /sync/."
    page.get_by_role("link", name="Check now (search)").click()
    checks = page.get_by_role("dialog", name="Checks of search")
    expect(checks.get_by_role("listitem")).to_have_count(4)
    for check in checks.get_by_role("listitem").all():
        expect(check).to_contain_text("passed at")


def test_a_job_that_is_started_on_the_page_is_followed_by_its_follow_on_jobs(
    page: Page, airflow: StartedAirflow, complaints: list[str]
) -> None:
    dialog = open_dialog(page, "PostEmployingBodyTrustJob")
    expect(dialog).to_contain_text("Here: PostTrainingBodyTrustJob.")
    expect(dialog.get_by_text("Date override")).not_to_be_visible()
    dialog.get_by_label("Run date", exact=True).fill("2026-03-10")
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(dialog.get_by_label("Confirm the dates")).to_be_visible()
    dialog.get_by_label("Confirm the dates").check()
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("PostEmployingBodyTrustJob has been started.")
    expect(page.locator(".deeds li").first).to_contain_text(
        f"admin: PostEmployingBodyTrustJob for 2026-03-10 {DASH} succeeded"
    )
    wait_until_idle(airflow)
    run = airflow.api.runs("post_employing_body_trust_job", "manual")[-1]
    given = {"run_date": "2026-03-10", "confirm_run_date": True}
    defaults = {each.name: each.default for each in job_parameters(find_job("PostEmployingBodyTrustJob"))}
    assert run["conf"] == defaults | given
    (following,) = airflow.api.runs("post_training_body_trust_job", "operator_triggered")[-1:]
    assert (following["state"], following["conf"]["run_date"]) == ("success", "2026-03-10")
    assert [each for each in complaints if "400" in each] == complaints  # the browser logs the refusal
    complaints.clear()


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
