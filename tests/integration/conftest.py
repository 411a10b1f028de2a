"""Fixtures to run jobs on the servers of the tests while an application edits persons."""

import pytest
from elasticsearch import Elasticsearch

from sync_jobs.search.refresh import DocumentRefresh
from tests.application import PERSON_IDS, Application
from tests.awkward_data import Connection
from tests.comparison import RunJob, runner


@pytest.fixture
def run(job_connection: Connection, elasticsearch: Elasticsearch) -> RunJob:
    """run("PersonOwnerRebuildJob", run_date, …): as the role that the jobs have in production."""
    return runner(job_connection, elasticsearch)


@pytest.fixture
def application(tcs: Connection, elasticsearch: Elasticsearch, monkeypatch: pytest.MonkeyPatch) -> Application:
    """With some persons in PostgreSQL, and no index yet.

    Jobs wait for the edits that it has begun instead of for some seconds, which a busy machine might exceed.
    """
    application = Application(tcs, elasticsearch)
    application.add(PERSON_IDS)
    monkeypatch.setattr(DocumentRefresh, "settle", lambda _: application.wait_for_edits())
    return application
