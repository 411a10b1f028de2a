"""An empty source table leaves the documents but takes a field from them: the guard rail of single fields stops it."""

from collections.abc import Iterator
from datetime import date

import psycopg
import pytest
from elasticsearch import Elasticsearch

from local.demo_data import load_demo_data
from local.postgres import Postgres
from sync_jobs.catalogue import JOBS
from sync_jobs.errors import GuardRail
from sync_jobs.guard_rail import Limits
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.runner import run_rollback
from sync_jobs.search.field_guard_rail import count_values
from tests.awkward_data import Connection
from tests.comparison import ALIAS, SETTINGS, RunJob, all_indices, indices_behind_alias, runner
from tests.conftest import TEMPLATE, delete_indices, new_database

BUILD = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
PERSON_COUNT = 1_000


@pytest.fixture(scope="module")
def night(postgres_server: Postgres, elasticsearch_client: Elasticsearch) -> Iterator[str]:
    """A night in which all jobs ran; the name of its database, for copies."""
    delete_indices(elasticsearch_client)
    with new_database(postgres_server, "tcs", TEMPLATE) as database:
        with psycopg.connect(postgres_server.dsn("tcs", database)) as tcs:
            load_demo_data(tcs, PERSON_COUNT, RUN_DATE)
        with psycopg.connect(postgres_server.dsn("sync_jobs", database), autocommit=True) as connection:
            for job in JOBS:
                runner(connection, elasticsearch_client)(job.name, RUN_DATE)
        yield database


@pytest.fixture
def database(postgres_server: Postgres, night: str) -> Iterator[str]:
    """Name of a copy of that night's database."""
    with new_database(postgres_server, "tcs", night) as name:
        yield name


@pytest.fixture
def elasticsearch(elasticsearch_client: Elasticsearch) -> Elasticsearch:
    """A client of the node with the indices of that night and of the tests since."""
    return elasticsearch_client


@pytest.fixture
def live(run: RunJob, elasticsearch: Elasticsearch) -> Iterator[str]:
    """The name of a new live index, whose previous index is complete, too. It is live again after the test."""
    (name,) = run(BUILD, RUN_DATE).indices["live"]
    yield name
    for other in set(indices_behind_alias(elasticsearch)) - {name}:
        actions = [{"add": {"index": name, "alias": ALIAS}}, {"remove_index": {"index": other}}]
        elasticsearch.indices.update_aliases(actions=actions)


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("person_trust", "trusts"),
        ("curriculum_membership", "programmeMemberships"),
        ("programme", "programmeMemberships.programmeName"),
        ("person_owner", "currentOwner"),
        ("gmc_details", "gmcNumber"),
        ("placement", "gradeId"),
        ("placement_specialty", "specialty"),
        ("specialty", "specialty"),
    ],
)
def test_neither_a_build_nor_a_rollback_takes_a_field_from_the_search(
    tcs: Connection,
    job_connection: Connection,
    run: RunJob,
    elasticsearch: Elasticsearch,
    live: str,
    source: str,
    field: str,
) -> None:
    indices, values = all_indices(elasticsearch), count_values(PERSONS, elasticsearch, live)
    assert values[field] > 100
    tcs.execute(f"DELETE FROM {source}")

    with pytest.raises(GuardRail, match="would remove"):
        run(BUILD, RUN_DATE)
    with pytest.raises(GuardRail, match=r"would (remove|change)"):
        run_rollback(PERSONS, postgres=job_connection, elasticsearch=elasticsearch, direction="back", settings=SETTINGS)

    assert (all_indices(elasticsearch), indices_behind_alias(elasticsearch)) == (indices, [live])
    assert count_values(PERSONS, elasticsearch, live) == values
    run(BUILD, RUN_DATE, limits=Limits(maximum_removed_percent=100, maximum_changed_percent=100))
    assert count_values(PERSONS, elasticsearch, ALIAS)[field] == 0


@pytest.mark.parametrize(
    ("overwrite", "field"),
    [
        ("UPDATE specialty SET name = 'X'", "specialty"),
        ("UPDATE placement SET site_code = 'X'", "siteCode"),
        ("UPDATE placement SET grade_id = 1", "gradeId"),
    ],
)
def test_one_value_in_a_field_that_only_some_persons_have_is_refused(
    tcs: Connection, run: RunJob, elasticsearch: Elasticsearch, live: str, overwrite: str, field: str
) -> None:
    """Less than half of the documents change."""
    count = count_values(PERSONS, elasticsearch, live)[field]
    tcs.execute(overwrite)
    with pytest.raises(GuardRail, match=rf"^{field} in index persons: this run would change {count} of {count}, more"):
        run(BUILD, RUN_DATE)
    assert indices_behind_alias(elasticsearch) == [live]
    run(BUILD, RUN_DATE, limits=Limits(maximum_changed_percent=100))
    assert run(BUILD, RUN_DATE).changed == 0
