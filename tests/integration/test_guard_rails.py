"""Each job has a limit of its own for what one run may remove; a run may be given another."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from sync_jobs.catalogue import find_job
from sync_jobs.errors import BadArgument, GuardRail
from sync_jobs.guard_rail import Limits
from sync_jobs.runner import run_job
from tests.awkward_data import Connection
from tests.comparison import RunJob

RUN_DATE = date(2026, 3, 10)
JOB = find_job("PersonOwnerRebuildJob")


@pytest.fixture
def rows_of_persons_that_are_gone(tcs: Connection) -> Connection:
    """500 rows of person_owner, 200 of them (40 per cent) of persons who no longer exist."""
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
            replace(JOB, limits=Limits(maximum_removed_percent=own)),
            postgres=job_connection,
            elasticsearch=elasticsearch,
            run_date=RUN_DATE,
            limits=None if given is None else Limits(maximum_removed_percent=given),
        ).removed

    if passes:
        assert run() == 200
    else:
        with pytest.raises(GuardRail, match=r"200 of 500, more than the \d+ allowed.*maximum_removed_percent = 100"):
            run()
    (left,) = rows_of_persons_that_are_gone.execute("SELECT count(*) FROM person_owner").fetchall()[0]
    assert left == (300 if passes else 500)


@pytest.mark.parametrize("limit", [-1, 100.5, float("nan"), "5", True])
def test_a_limit_that_is_not_a_percentage_is_refused(limit: Any) -> None:
    with pytest.raises(BadArgument, match="maximum_removed_percent: expected a number from 0 to 100"):
        Limits(maximum_removed_percent=limit)


# Sources that change instead of vanish


def ended(days: int) -> date:
    return RUN_DATE - timedelta(days=days)


def fill(tcs: Connection, number: int) -> None:
    """That many persons, each with a current membership, a current placement and a post whose funding continues."""
    tcs.execute("INSERT INTO person (id, status) SELECT generate_series(1, %s), 'CURRENT'", (number,))
    tcs.execute("INSERT INTO programme (id, owner) VALUES (1, 'by membership')")
    tcs.execute("INSERT INTO post (id, owner, funding_status) SELECT id, 'by placement', 'CURRENT' FROM person")
    tcs.execute(
        "INSERT INTO programme_membership (uuid, person_id, programme_id, programme_start_date, programme_end_date)"
        " SELECT gen_random_uuid(), id, 1, %s, %s FROM person",
        (ended(400), ended(-400)),
    )
    tcs.execute(
        "INSERT INTO placement (id, trainee_id, post_id, date_from, date_to) SELECT id, id, id, %s, %s FROM person",
        (ended(400), ended(-400)),
    )
    tcs.execute("INSERT INTO post_funding (id, post_id, start_date) SELECT id, id, %s FROM post", (ended(400),))


@pytest.mark.parametrize("emptied", ["programme_membership", "programme", "placement"])
def test_owners_that_come_from_another_kind_of_source_all_at_once_are_refused(
    tcs: Connection, run: RunJob, emptied: str
) -> None:
    fill(tcs, 150)
    if emptied == "placement":  # current ones come before memberships of the past
        tcs.execute("UPDATE programme_membership SET programme_end_date = %s", (ended(1),))
    run(JOB.name, RUN_DATE)
    tcs.execute(f"DELETE FROM {emptied}")

    with pytest.raises(GuardRail, match=r"switch the source of, 150 of 150.*maximum_removed_percent = 100"):
        run(JOB.name, RUN_DATE)
    assert run(JOB.name, RUN_DATE, limits=Limits(maximum_removed_percent=100)).changed == 150


def test_owners_that_move_within_one_kind_of_source_are_no_loss(tcs: Connection, run: RunJob) -> None:
    fill(tcs, 150)
    tcs.execute("DELETE FROM placement")
    run(JOB.name, RUN_DATE)
    tcs.execute("UPDATE programme_membership SET programme_end_date = %s", (ended(1),))
    assert run(JOB.name, RUN_DATE).changed == 150


@pytest.mark.parametrize("arguments", [{}, {"date_override": "ANY"}])
def test_more_persons_than_the_limit_do_not_become_inactive(
    tcs: Connection, run: RunJob, arguments: dict[str, str]
) -> None:
    fill(tcs, 600)
    tcs.execute("UPDATE programme_membership SET programme_end_date = %s WHERE person_id <= 130", (ended(1),))
    with pytest.raises(GuardRail, match="would make INACTIVE 130 of 600, more than the 120 allowed"):
        run("PersonRecordStatusJob", RUN_DATE, **arguments)
    assert tcs.execute("SELECT count(*) FROM person WHERE status = 'INACTIVE'").fetchone() == (0,)
    assert run("PersonRecordStatusJob", RUN_DATE, limits=Limits(maximum_removed_percent=22), **arguments).changed == 130


def test_a_night_on_which_most_candidates_become_inactive_is_measured_against_all_that_are_current(
    tcs: Connection, run: RunJob
) -> None:
    fill(tcs, 600)
    tcs.execute("UPDATE programme_membership SET programme_end_date = %s WHERE person_id <= 120", (ended(1),))
    assert run("PersonRecordStatusJob", RUN_DATE).changed == 120


def test_persons_that_become_current_or_were_not_current_are_no_loss(tcs: Connection, run: RunJob) -> None:
    fill(tcs, 300)
    tcs.execute("UPDATE person SET status = CASE WHEN id <= 150 THEN 'INACTIVE' ELSE 'DELETE' END")
    tcs.execute("UPDATE programme_membership SET programme_end_date = %s WHERE person_id > 150", (ended(1),))
    assert run("PersonRecordStatusJob", RUN_DATE, date_override="ANY").changed == 300


def test_more_posts_than_the_limit_do_not_become_inactive(tcs: Connection, run: RunJob) -> None:
    fill(tcs, 700)
    tcs.execute("UPDATE post SET funding_status = 'INACTIVE' WHERE id > 600")
    tcs.execute("UPDATE post_funding SET end_date = %s WHERE post_id <= 130", (ended(1),))
    with pytest.raises(GuardRail, match="would make INACTIVE 130 of 600, more than the 120 allowed"):
        run("PostFundingStatusSyncJob", RUN_DATE)
    assert run("PostFundingStatusSyncJob", RUN_DATE, limits=Limits(maximum_removed_percent=100)).changed == 130
