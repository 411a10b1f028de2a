"""Airflow's page of each DAG: the manual, and the form that triggers a manual run."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from local.airflow_api import Json, TaskId
from sync_airflow.dag_ids import DAG_IDS, RUN_JOB
from sync_jobs.catalogue import JOBS, find_job
from tests.airflow_of_tests import StartedAirflow
from tests.browser.browser import new_page
from tests.browser.trigger_form import TriggerForm

STATUS = find_job("PersonRecordStatusJob").dag_id
EMPLOYING = find_job("PostEmployingBodyTrustJob").dag_id
TRAINING = find_job("PostTrainingBodyTrustJob").dag_id  # the follow-on job of the one above
REFUSED = "400 (Bad Request)"


@pytest.fixture(scope="module")
def tab(administrator: BrowserContext) -> Iterator[Page]:
    """A page of Airflow. Another one is shown without loading the program again, which takes seconds: see show()."""
    complaints: list[str] = []
    with new_page(administrator, complaints) as page:
        page.goto("/variables")
        yield page
    assert complaints == []


def show(page: Page, path: str) -> None:
    """As a click on a link does it that leads from one page of Airflow to another."""
    page.evaluate("path => { history.pushState({}, '', path); dispatchEvent(new PopStateEvent('popstate')) }", path)


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_each_dag_has_a_page_with_its_manual_and_a_form_that_explains_each_param(
    tab: Page, airflow: StartedAirflow, dag_id: str
) -> None:
    page, dag = tab, airflow.api.get(f"/dags/{dag_id}/details")
    show(page, f"/dags/{dag_id}")
    page.get_by_role("button", name="Dag Docs").click()
    title, *_ = re.findall("^#+ (.*)$", dag["doc_md"], re.MULTILINE)
    expect(page.get_by_role("dialog").get_by_role("heading", name=title, exact=True)).to_be_visible()
    link = page.get_by_role("dialog").get_by_role("link", name="The page of the nightly sync")
    address = link.evaluate("each => each.href")
    assert urlsplit(address).path == "/sync/"
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    form = TriggerForm(page, dag_id)
    for name, param in dag["params"].items():
        expect(form.row(name)).to_contain_text(param["schema"]["title"])
        expect(form.row(name)).to_contain_text(param["description"])
    expect(page.get_by_role("region", name=re.compile("^Notifications")).get_by_role("status")).to_have_count(0)
    show(page, "/variables")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_link_of_the_page_lists_the_dags_of_the_jobs_in_the_order_of_the_night(page: Page) -> None:
    page.goto("/sync/")
    page.get_by_role("link", name="Airflow", exact=True).click()
    names = [job.name for job in JOBS]
    links = page.get_by_role("link", name=re.compile(rf"^({'|'.join(names)})$"))
    expect(links).to_have_count(len(names))
    listed = links.all_inner_texts()
    first = listed.index(names[0])  # the job whose next run comes first is at the top
    assert listed[first:] + listed[:first] == names


def test_a_run_from_the_form_does_not_wait_and_gets_the_values_of_the_form(page: Page, airflow: StartedAirflow) -> None:
    run_id = TriggerForm(page, STATUS).start(run_date="2026-03-10", date_override="any", dry_run=True)
    assert airflow.wait_for_end(STATUS, run_id) == "success"
    states = {task_id: task["state"] for task_id, task in airflow.api.tasks(STATUS, run_id).items()}
    assert states.pop(RUN_JOB) == "success"
    assert set(states.values()) == {"skipped"}
    report = report_of(airflow, STATUS, run_id)
    assert (report["run_date"], report["dry_run"]) == ("2026-03-10", True)
    with psycopg.connect(airflow.tcs_dsn) as tcs:
        query = "SELECT count(*) FROM person WHERE id IN (SELECT person_id FROM programme_membership)"
        assert tcs.execute(query).fetchone() == (report["read"],)


def test_the_follow_on_job_runs_for_the_same_date_but_not_after_a_dry_run(page: Page, airflow: StartedAirflow) -> None:
    before = airflow.api.run_ids(TRAINING)
    run_id = TriggerForm(page, EMPLOYING).start(dry_run=True)
    assert airflow.wait_for_end(EMPLOYING, run_id) == "success"
    assert airflow.api.run_ids(TRAINING) == before
    run_id = TriggerForm(page, EMPLOYING).start(run_date="2026-03-10")
    assert airflow.wait_for_end(EMPLOYING, run_id) == "success"
    (following,) = airflow.api.run_ids(TRAINING) - before
    assert airflow.wait_for_end(TRAINING, following) == "success"
    assert report_of(airflow, TRAINING, following)["run_date"] == "2026-03-10"


def test_an_invalid_date_is_refused_before_a_run_is_created(
    page: Page, airflow: StartedAirflow, complaints: list[str]
) -> None:
    before = airflow.api.run_ids(STATUS)
    form = TriggerForm(page, STATUS)
    # A date that does not exist, half a date, a date in American order, and a word.
    for run_date in ("2026-02-30", "2026-03", "03/10/2026", "today"):
        send_and_be_refused(form, run_date=run_date)
        expect(form.whole).to_contain_text(f"Invalid input for param run_date: '{run_date}' is not a 'date'")
    form.fill(run_date="")
    for date_override in ("tomorrow", "2026-3-10"):
        send_and_be_refused(form, date_override=date_override)
        expect(form.whole).to_contain_text(f"Invalid input for param date_override: '{date_override}' does not match")
    assert airflow.api.run_ids(STATUS) == before
    complaints[:] = [complaint for complaint in complaints if REFUSED not in complaint]


def send_and_be_refused(form: TriggerForm, **params: str) -> None:
    """Returns once the refusal is in the browser's console."""
    form.fill(**params)
    with form.page.expect_console_message(lambda message: REFUSED in message.text):
        form.send()


def test_a_cleared_date_field_gives_a_run_for_today_in_utc(page: Page, airflow: StartedAirflow) -> None:
    form = TriggerForm(page, STATUS)
    form.fill(run_date="2026-03-10", date_override="2026-03-10")
    run_id = form.start(run_date="", date_override="")
    assert airflow.wait_for_end(STATUS, run_id) == "success"
    started = datetime.fromisoformat(airflow.api.run(STATUS, run_id)["run_after"])
    report = report_of(airflow, STATUS, run_id)
    assert report["run_date"] == report["last_date"] == started.astimezone(UTC).date().isoformat()


def report_of(airflow: StartedAirflow, dag_id: str, run_id: str) -> Json:
    report: Json = airflow.api.xcom(TaskId(dag_id, run_id, RUN_JOB), "return_value")
    return report
