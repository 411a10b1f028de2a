"""Airflow's own page of each DAG."""

import re

import pytest
from playwright.sync_api import Page, expect

from local.stack import DAG_IDS
from tests.airflow_of_tests import StartedAirflow


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_each_dag_has_a_page_with_its_manual(page: Page, airflow: StartedAirflow, dag_id: str) -> None:
    manual = airflow.api.get(f"/dags/{dag_id}/details")["doc_md"]
    page.goto(f"/dags/{dag_id}")
    page.get_by_role("button", name="Dag Docs").click()
    title, *_ = re.findall("^#+ (.*)$", manual, re.MULTILINE)
    expect(page.get_by_role("dialog").get_by_role("heading", name=title, exact=True)).to_be_visible()
