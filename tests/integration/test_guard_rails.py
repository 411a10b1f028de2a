"""Each job has a limit of its own for what one run may remove; a run may be given another."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from sync_jobs.catalogue import find_job
from sync_jobs.errors import BadArgument, GuardRail
from sync_jobs.runner import run_job
from tests.awkward_data import Connection

RUN_DATE = date(2026, 3, 10)
JOB = find_job("PersonOwnerRebuildJob")


@pytest.fixture
def rows_of_persons_that_are_gone(tcs: Connection) -> Connection:
    """500 rows of person_owner, 200 of them of persons that are no more: 40 per cent."""
    tcs.execute("INSERT INTO person (id) SELECT generate_series(1, 300)")
    tcs.execute("INSERT INTO person_owner (id) SELECT generate_series(1, 500)")
    return tcs


@pytest.mark.parametrize(
    ("own", "given", "passes"), [(39, None, False), (40, None, True), (39, 40, True), (40, 39, False)]
)
def test_the_limit_is_the_jobs_own_unless_the_run_is_given_another(
    rows_of_persons_that_are_gone: Connection,
    job_connection: Connection,
    elasticsearch: Elasticsearch,
    own: float,
    given: float | None,
    passes: bool,
) -> None:
    def run() -> int:
        return run_job(
            replace(JOB, maximum_removed_percent=own),
            postgres=job_connection,
            elasticsearch=elasticsearch,
            run_date=RUN_DATE,
            maximum_removed_percent=given,
        ).removed

    if passes:
        assert run() == 200
    else:
        with pytest.raises(GuardRail, match=r"would remove 200 of 500, more than the \d+ allowed"):
            run()
    (left,) = rows_of_persons_that_are_gone.execute("SELECT count(*) FROM person_owner").fetchall()[0]
    assert left == (300 if passes else 500)


@pytest.mark.parametrize("limit", [-1, 100.5, float("nan"), "5", True])
def test_a_limit_that_is_no_percentage_is_refused(
    job_connection: Connection, elasticsearch: Elasticsearch, limit: Any
) -> None:
    with pytest.raises(BadArgument, match="expected a number from 0 to 100"):
        run_job(
            JOB,
            postgres=job_connection,
            elasticsearch=elasticsearch,
            run_date=RUN_DATE,
            maximum_removed_percent=limit,
        )
