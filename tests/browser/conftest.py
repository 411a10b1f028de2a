"""One Airflow and one browser for all tests of this folder, and pages of the two users.

The Airflow has the project's DAGs, unpaused but without their schedules. Its processes, its databases and the browser
are in a time zone whose date differs from that of UTC.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from sync_airflow.dag_ids import DAG_IDS
from tests.airflow_of_tests import StartedAirflow, airflow_with_demo_data, zone_of_another_date
from tests.browser.browser import logged_in, logged_in_by_token, new_page, running_browser
from tests.browser.seeded_server import SeededAirflow

PERSONS = 300

# Otherwise scheduled runs would interfere with those of the tests.
SETTINGS = {"AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests on seeded histories first: an Airflow takes processor time even when it has nothing to do."""
    items.sort(key=lambda item: "airflow" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def zone() -> str:
    return zone_of_another_date(datetime.now(UTC))


@pytest.fixture(scope="session")
def airflow(
    browser: Browser,  # noqa: ARG001, without one there is no need to start an Airflow
    zone: str,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: local_postgres.Postgres,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
) -> Iterator[StartedAirflow]:
    """It answers and has parsed all DAGs. Its database has demo data, its Elasticsearch has no index."""
    with airflow_with_demo_data(
        tmp_path_factory.mktemp("airflow"),
        postgres_server,
        elasticsearch_server,
        persons=PERSONS,
        dag_ids=DAG_IDS,
        zone=zone,
        more_settings=SETTINGS,
    ) as started:
        yield started


@pytest.fixture(scope="session")
def administrator(browser: Browser, airflow: StartedAirflow, zone: str) -> Iterator[BrowserContext]:
    """A user with all permissions. Logged in once, because that takes seconds; the browser's cache is kept too."""
    with logged_in(browser, airflow.url, zone, "admin", airflow.airflow.secrets["admin"]) as context:
        yield context


@pytest.fixture(scope="session")
def viewer(browser: Browser, airflow: StartedAirflow, zone: str) -> Iterator[BrowserContext]:
    """A user who may view everything and run nothing."""
    with logged_in(browser, airflow.url, zone, "viewer", airflow.airflow.secrets["viewer"]) as context:
        yield context


@pytest.fixture(scope="module")
def admin(browser: Browser, seeded: SeededAirflow) -> Iterator[BrowserContext]:
    """The administrator of the module's own server with seeded histories."""
    with logged_in_by_token(browser, seeded, "admin") as context:
        yield context


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """The errors that the pages of a test have thrown or written to the console.

    A test fails if any are left at its end; a test that expects some removes them.
    """
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def page(administrator: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    """An empty page of the administrator, for relative addresses: page.goto("/dags")."""
    with new_page(administrator, complaints) as page:
        yield page


@pytest.fixture
def viewer_page(viewer: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    """Like page, but logged in as the viewer."""
    with new_page(viewer, complaints) as page:
        yield page
