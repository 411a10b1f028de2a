"""The catalogue of jobs says what the contract says."""

import pytest

from sync_jobs.catalogue import JOBS, find_job, index_build_before, jobs_to_run_after, jobs_waiting_for, upstream_jobs
from tests.expected_jobs import EXPECTED_JOBS, ExpectedJob, expected_job_id

each_job = pytest.mark.parametrize("expected", EXPECTED_JOBS, ids=expected_job_id)


def test_the_catalogue_has_the_jobs_of_the_contract_in_their_order() -> None:
    assert [job.name for job in JOBS] == [expected.name for expected in EXPECTED_JOBS]


def test_the_jobs_are_in_the_order_of_their_times() -> None:
    times = [job.at for job in JOBS]
    assert times == sorted(set(times))


def test_times_have_no_zone_because_the_dags_read_them_as_utc() -> None:
    assert {job.at.tzinfo for job in JOBS} == {None}


@each_job
def test_a_job_has_the_time_the_kind_the_table_and_the_follow_on_jobs_of_the_contract(expected: ExpectedJob) -> None:
    job = find_job(expected.name)
    assert (job.at, job.kind, job.writes, job.follow_on_jobs) == (
        expected.at,
        expected.kind,
        expected.writes,
        expected.follow_on_jobs,
    )


@each_job
def test_a_dag_id_is_the_name_in_snake_case(expected: ExpectedJob) -> None:
    assert find_job(expected.name).dag_id == expected.dag_id


@each_job
def test_a_job_is_found_by_its_name_and_by_its_dag_id(expected: ExpectedJob) -> None:
    assert find_job(expected.name).name == find_job(expected.dag_id).name == expected.name


@pytest.mark.parametrize("unknown", ["", "personownerrebuildjob", "PersonOwnerRebuildJob ", "recovery"])
def test_no_job_is_found_by_any_other_name(unknown: str) -> None:
    with pytest.raises(KeyError):
        find_job(unknown)


@each_job
def test_a_job_waits_for_the_earlier_jobs_that_name_it_as_follow_on(expected: ExpectedJob) -> None:
    assert tuple(job.name for job in upstream_jobs(find_job(expected.name))) == expected.waits_for


@each_job
def test_the_jobs_that_wait_for_a_job_are_those_that_name_it(expected: ExpectedJob) -> None:
    waiting = [other.name for other in EXPECTED_JOBS if expected.name in other.waits_for]
    assert [job.name for job in jobs_waiting_for(find_job(expected.name))] == waiting


@each_job
def test_a_job_that_refreshes_the_index_waits_for_any_end_of_its_build(expected: ExpectedJob) -> None:
    build = index_build_before(find_job(expected.name))
    assert (build.name if build else None) == expected.waits_for_any_end_of


@each_job
def test_a_manual_run_is_followed_by_what_depends_on_it_each_once_in_order(expected: ExpectedJob) -> None:
    assert tuple(job.name for job in jobs_to_run_after(find_job(expected.name))) == expected.runs_after


@each_job
def test_a_job_names_the_index_that_it_builds_and_the_index_that_it_refreshes(expected: ExpectedJob) -> None:
    job = find_job(expected.name)
    aliases = [index.alias if index else None for index in (job.builds_index, job.refreshes_index)]
    assert aliases == [expected.builds_index, expected.refreshes_index]


@each_job
def test_a_job_covers_missed_nights_and_takes_a_date_override_as_in_the_contract(expected: ExpectedJob) -> None:
    job = find_job(expected.name)
    assert job.covers_missed_nights == expected.covers_missed_nights
    assert job.takes_date_override == expected.takes_date_override


def test_no_two_jobs_share_a_dag_id_or_do_the_same_work() -> None:
    work = {(job.entry_point, job.builds_index.alias if job.builds_index else None) for job in JOBS}
    assert len({job.dag_id for job in JOBS}) == len(work) == len(JOBS)
