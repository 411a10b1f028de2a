"""To run a job on the test's own servers, beside an application."""

import pytest
from elasticsearch import Elasticsearch

from tests.application import PERSON_IDS, Application
from tests.awkward_data import Connection
from tests.comparison import RunJob, runner


@pytest.fixture
def run(job_connection: Connection, elasticsearch: Elasticsearch) -> RunJob:
    """run("PersonOwnerRebuildJob", run_date, …): as the role that the jobs have in production."""
    return runner(job_connection, elasticsearch)


@pytest.fixture
def application(tcs: Connection, elasticsearch: Elasticsearch) -> Application:
    """With some persons in PostgreSQL, and no index yet."""
    application = Application(tcs, elasticsearch)
    application.add(PERSON_IDS)
    return application
