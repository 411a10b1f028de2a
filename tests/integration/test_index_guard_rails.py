"""A source that is empty all at once takes no document away; neither may it take its field from the search."""

from datetime import date

import pytest
from elasticsearch import Elasticsearch

from local.demo_data import load_demo_data
from sync_jobs.catalogue import JOBS
from sync_jobs.errors import GuardRail
from sync_jobs.guard_rail import Limits
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.runner import run_rollback
from sync_jobs.search.field_guard_rail import count_values
from tests.awkward_data import Connection
from tests.comparison import ALIAS, SETTINGS, RunJob, all_indices, indices_behind_alias

BUILD = "PersonElasticSearchSyncJob"
RUN_DATE = date(2026, 3, 10)
PERSON_COUNT = 1_000


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
    source: str,
    field: str,
) -> None:
    load_demo_data(tcs, PERSON_COUNT, RUN_DATE)
    for job in JOBS:
        run(job.name, RUN_DATE)
    (live,) = run(BUILD, RUN_DATE).indices["live"]
    indices, values = all_indices(elasticsearch), count_values(PERSONS, elasticsearch, live)
    assert values[field] > 100
    tcs.execute(f"DELETE FROM {source}")

    with pytest.raises(GuardRail, match="would remove"):
        run(BUILD, RUN_DATE)
    with pytest.raises(GuardRail, match="would remove"):
        run_rollback(PERSONS, postgres=job_connection, elasticsearch=elasticsearch, direction="back", settings=SETTINGS)

    assert (all_indices(elasticsearch), indices_behind_alias(elasticsearch)) == (indices, [live])
    assert count_values(PERSONS, elasticsearch, live) == values
    run(BUILD, RUN_DATE, limits=Limits(maximum_removed_percent=100))
    assert count_values(PERSONS, elasticsearch, ALIAS)[field] == 0
