"""Each job has limits of its own for what one run may remove, add and change; a run may be given others."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from sync_jobs.catalogue import find_job
from sync_jobs.errors import BadArgument, GuardRail
from sync_jobs.guard_rail import Limits
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.runner import run_job, run_rollback
from tests.application import PERSON_IDS, Application
from tests.awkward_data import Connection, read_tables
from tests.comparison import SETTINGS, RunJob, indices_behind_alias, owners

RUN_DATE = date(2026, 3, 10)
JOB = find_job("PersonOwnerRebuildJob")
BUILD = "PersonElasticSearchSyncJob"


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
@pytest.mark.parametrize("name", ["maximum_removed_percent", "maximum_changed_percent"])
def test_a_limit_that_is_not_a_percentage_is_refused(name: str, limit: Any) -> None:
    with pytest.raises(BadArgument, match=f"{name}: expected a number from 0 to 100, got"):
        Limits(**{name: limit})


@pytest.mark.parametrize("limit", [-1, float("nan"), float("inf"), "5", True])
def test_only_the_limit_of_growth_has_no_maximum(limit: Any) -> None:
    assert Limits(maximum_added_percent=900).maximum_added_percent == 900
    with pytest.raises(BadArgument, match="maximum_added_percent: expected a number of 0 or more, got"):
        Limits(maximum_added_percent=limit)


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


def test_owners_that_move_within_one_kind_of_source_are_no_loss_but_a_change(tcs: Connection, run: RunJob) -> None:
    fill(tcs, 150)
    tcs.execute("DELETE FROM placement")
    run(JOB.name, RUN_DATE)
    tcs.execute("UPDATE programme_membership SET programme_end_date = %s", (ended(1),))
    limits = Limits(maximum_removed_percent=0, maximum_changed_percent=100)
    assert run(JOB.name, RUN_DATE, limits=limits).changed == 150


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
    limits = Limits(maximum_removed_percent=0, maximum_changed_percent=100)
    assert run("PersonRecordStatusJob", RUN_DATE, date_override="ANY", limits=limits).changed == 300


def test_more_posts_than_the_limit_do_not_become_inactive(tcs: Connection, run: RunJob) -> None:
    fill(tcs, 700)
    tcs.execute("UPDATE post SET funding_status = 'INACTIVE' WHERE id > 600")
    tcs.execute("UPDATE post_funding SET end_date = %s WHERE post_id <= 130", (ended(1),))
    with pytest.raises(GuardRail, match="would make INACTIVE 130 of 600, more than the 120 allowed"):
        run("PostFundingStatusSyncJob", RUN_DATE)
    assert run("PostFundingStatusSyncJob", RUN_DATE, limits=Limits(maximum_removed_percent=100)).changed == 130


# Sources that grow, or that become alike


@pytest.mark.parametrize(
    ("job", "table", "source", "added", "existing"),
    [
        ("PersonOwnerRebuildJob", "person_owner", "person", 900, 100),
        ("PersonPlacementEmployingBodyTrustJob", "person_trust (EMPLOYING)", "placement", 900, 100),
        ("PersonPlacementTrainingBodyTrustJob", "person_trust (TRAINING)", "placement", 900, 100),
        ("PostEmployingBodyTrustJob", "post_trust (EMPLOYING)", "post", 900, 100),
        ("PostTrainingBodyTrustJob", "post_trust (TRAINING)", "post", 900, 100),
    ],
)
def test_ten_times_as_many_rows_are_refused_with_the_limit_that_lets_them_pass(
    tcs: Connection, run: RunJob, job: str, table: str, source: str, added: int, existing: int
) -> None:
    fill(tcs, existing)
    tcs.execute("UPDATE post SET employing_body_id = id, training_body_id = id")
    run(job, RUN_DATE)
    multiply = {
        "person": "INSERT INTO person (id) SELECT generate_series(101, 1000)",
        "placement": "INSERT INTO placement (id, trainee_id, post_id)"
        " SELECT 1000 + person.id * 1000 + post.id, person.id, post.id FROM person CROSS JOIN post"
        " WHERE (post.id - person.id + 100) % 100 BETWEEN 1 AND 9",
        "post": "INSERT INTO post (id, employing_body_id, training_body_id) SELECT id, 1, 1"
        " FROM generate_series(101, 1000) AS id",
    }
    tcs.execute(multiply[source])

    expected = (
        rf"^{re.escape(table)}: this run would add {added} to {existing}, more than the 100 allowed \(50 %\)\. "
        r"Check for rows of a source table that were loaded twice\..* repeat the run with "
        r"maximum_added_percent = 900\. Nothing was written\.$"
    )
    for dry_run in (True, False):
        with pytest.raises(GuardRail, match=expected):
            run(job, RUN_DATE, dry_run=dry_run)
    with pytest.raises(GuardRail):
        run(job, RUN_DATE, limits=Limits(maximum_added_percent=899))
    assert run(job, RUN_DATE, limits=Limits(maximum_added_percent=900)).added == added


def test_any_number_of_rows_is_added_to_an_empty_table(tcs: Connection, run: RunJob) -> None:
    fill(tcs, 1000)
    assert run(JOB.name, RUN_DATE, limits=Limits(maximum_added_percent=0)).added == 1000


def test_one_owner_for_everybody_is_refused(tcs: Connection, run: RunJob) -> None:
    fill(tcs, 400)
    tcs.execute("INSERT INTO programme (id, owner) SELECT id, 'owner ' || id % 10 FROM generate_series(2, 401) AS id")
    tcs.execute("UPDATE programme_membership SET programme_id = person_id + 1")
    run(JOB.name, RUN_DATE)
    before = owners(read_tables(tcs))
    tcs.execute("UPDATE programme SET owner = 'owner 1'")

    with pytest.raises(GuardRail, match=r"would change 360 of 400, more than the 120 .*maximum_changed_percent = 100"):
        run(JOB.name, RUN_DATE)
    assert owners(read_tables(tcs)) == before
    assert run(JOB.name, RUN_DATE, limits=Limits(maximum_changed_percent=90)).changed == 360


def test_one_owner_for_all_posts_is_refused_although_few_owners_come_from_posts(tcs: Connection, run: RunJob) -> None:
    fill(tcs, 5000)
    tcs.execute("UPDATE post SET owner = 'owner ' || id % 10")
    tcs.execute("DELETE FROM programme_membership WHERE person_id <= 150")
    run(JOB.name, RUN_DATE)
    before = owners(read_tables(tcs))
    tcs.execute("UPDATE post SET owner = 'owner 1'")

    expected = r"^person_owner from placements: this run would change 135 of 150, more than the 100 allowed \(30 %\)"
    with pytest.raises(GuardRail, match=expected + r".*maximum_changed_percent = 100"):
        run(JOB.name, RUN_DATE)
    assert owners(read_tables(tcs)) == before
    assert run(JOB.name, RUN_DATE, limits=Limits(maximum_changed_percent=90)).changed == 135


def test_owners_whose_rule_alone_changes_do_not_count_for_their_source(tcs: Connection, run: RunJob) -> None:
    fill(tcs, 1000)
    tcs.execute("DELETE FROM programme_membership WHERE person_id <= 150")
    run(JOB.name, RUN_DATE)
    tcs.execute("UPDATE placement SET date_to = %s", (ended(1),))  # all placements are past ones now
    assert run(JOB.name, RUN_DATE).changed == 150


def test_a_rotation_that_changes_a_tenth_of_all_owners_passes(tcs: Connection, run: RunJob) -> None:
    """The first Wednesday of August: a third of those in training start or end a programme on one day."""
    fill(tcs, 2000)
    run(JOB.name, RUN_DATE)
    tcs.execute("UPDATE programme_membership SET programme_end_date = %s WHERE person_id <= 220", (ended(1),))
    assert run(JOB.name, RUN_DATE).changed == 220


def test_everybody_who_becomes_current_at_once_is_refused(tcs: Connection, run: RunJob) -> None:
    fill(tcs, 400)
    tcs.execute("UPDATE person SET status = 'INACTIVE' WHERE id > 100")
    with pytest.raises(GuardRail, match=r"person\.status: this run would change 300 of 400, more than the 120 allowed"):
        run("PersonRecordStatusJob", RUN_DATE, date_override="ANY")
    limits = Limits(maximum_changed_percent=75)
    assert run("PersonRecordStatusJob", RUN_DATE, date_override="ANY", limits=limits).changed == 300


def test_one_error_names_every_limit_that_a_run_exceeds(tcs: Connection, run: RunJob) -> None:
    fill(tcs, 200)
    run(JOB.name, RUN_DATE)
    tcs.execute("DELETE FROM person WHERE id <= 150")
    tcs.execute("INSERT INTO person (id) SELECT generate_series(1001, 1500)")
    with pytest.raises(GuardRail, match=r"maximum_removed_percent = 100 and maximum_added_percent = 250") as caught:
        run(JOB.name, RUN_DATE)
    assert "of 200, more than the 100 allowed (20 %) and add 500 to 200" in str(caught.value)
    report = run(JOB.name, RUN_DATE, limits=Limits(maximum_removed_percent=100, maximum_added_percent=250))
    assert (report.added, report.removed) == (500, 150)


def test_other_documents_for_almost_everybody_are_refused_and_the_live_index_stays(
    application: Application, tcs: Connection, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    application.add(range(100, 450))
    (live,) = run(BUILD, RUN_DATE).indices["live"]
    tcs.execute("UPDATE contact_details SET surname = 'X'")
    with pytest.raises(GuardRail, match=r"^index persons: this run would change \d+ of \d+, more than .*\(50 %\)"):
        run(BUILD, RUN_DATE)
    assert indices_behind_alias(elasticsearch) == [live]
    assert run(BUILD, RUN_DATE, limits=Limits(maximum_changed_percent=100)).changed > 350


def test_five_times_as_many_documents_are_refused_with_the_limit_that_lets_them_pass(
    application: Application, run: RunJob, elasticsearch: Elasticsearch
) -> None:
    (live,) = run(BUILD, RUN_DATE).indices["live"]
    existing = len(PERSON_IDS)
    application.add(range(1000, 1000 + 4 * existing))
    with pytest.raises(GuardRail, match=rf"^index persons: this run would add {4 * existing} to {existing}") as caught:
        run(BUILD, RUN_DATE)
    assert indices_behind_alias(elasticsearch) == [live]
    needed = re.search(r"maximum_added_percent = (\d+)\.", str(caught.value))
    assert needed
    report = run(BUILD, RUN_DATE, limits=Limits(maximum_added_percent=int(needed[1])))
    assert report.added == 4 * existing


def test_a_field_with_ten_times_as_many_nested_objects_is_refused(
    application: Application, tcs: Connection, run: RunJob
) -> None:
    """The documents stay as many, and most of them stay as they are."""
    application.add(range(100, 400))
    tcs.execute("INSERT INTO person_trust (person_id, trust_id, body) SELECT id, 1, 'EMPLOYING' FROM person")
    run(BUILD, RUN_DATE)
    tcs.execute(
        "INSERT INTO person_trust (person_id, trust_id, body)"
        " SELECT id, trust, 'TRAINING' FROM person CROSS JOIN generate_series(2, 40) AS trust WHERE id < 170"
    )
    with pytest.raises(GuardRail, match=r"^trusts in index persons: this run would add \d+ to \d+"):
        run(BUILD, RUN_DATE)


def test_a_build_by_another_definition_may_change_every_document(
    application: Application, run: RunJob, monkeypatch: pytest.MonkeyPatch, tcs: Connection
) -> None:
    application.add(range(100, 450))
    run(BUILD, RUN_DATE)
    tcs.execute("UPDATE contact_details SET surname = 'X'")
    monkeypatch.setitem(PERSONS.__dict__, "version", "of the next release")
    assert run(BUILD, RUN_DATE).changed > 350


def test_a_rollback_does_not_rewrite_almost_every_document(
    application: Application, tcs: Connection, run: RunJob, job_connection: Connection, elasticsearch: Elasticsearch
) -> None:
    application.add(range(100, 450))
    run(BUILD, RUN_DATE)
    (live,) = run(BUILD, RUN_DATE).indices["live"]
    tcs.execute("UPDATE contact_details SET surname = 'X'")
    with pytest.raises(GuardRail, match=r"this run would change \d+ of \d+.*maximum_changed_percent = 100"):
        run_rollback(PERSONS, postgres=job_connection, elasticsearch=elasticsearch, settings=SETTINGS)
    assert indices_behind_alias(elasticsearch) == [live]
