"""What a run by hand runs next, and that it does so for the same date, once, in order."""

from datetime import date

import pytest

from sync_airflow.follow_on import child_run_id, conf_of_next, jobs_to_run_next
from sync_jobs.catalogue import JOBS, find_job

PARAMS = {"run_follow_on_jobs": True, "dry_run": False}
EMPLOYING = find_job("PersonPlacementEmployingBodyTrustJob")


def next_jobs(job=EMPLOYING, *, run_type="manual", conf=None, **params):
    jobs = jobs_to_run_next(job, run_type=run_type, params=PARAMS | params, conf=conf or {})
    return [other.name for other in jobs]


# domain.md, "to be re-run after it", transitively, each once, in the order of the table.
@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("PersonOwnerRebuildJob", ["PersonElasticSearchSyncJob"]),
        (
            "PersonPlacementEmployingBodyTrustJob",
            ["PersonPlacementTrainingBodyTrustJob", "PersonElasticSearchSyncJob"],
        ),
        ("PersonPlacementTrainingBodyTrustJob", ["PersonElasticSearchSyncJob"]),
        ("PostEmployingBodyTrustJob", ["PostTrainingBodyTrustJob"]),
        ("PostTrainingBodyTrustJob", []),
        ("PersonElasticSearchSyncJob", []),
        ("PostFundingStatusSyncJob", []),
        ("PersonRecordStatusJob", []),  # it refreshes the documents itself
    ],
)
@pytest.mark.parametrize("run_type", ["manual", "operator_triggered"])
def test_a_run_by_hand_starts_with_the_first_of_what_follows(name, after, run_type):
    assert next_jobs(find_job(name), run_type=run_type) == after


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_a_run_of_a_night_starts_nothing_as_the_night_has_its_own_order(run_type):
    assert next_jobs(run_type=run_type) == []


def test_a_dry_run_starts_nothing():
    assert next_jobs(dry_run=True) == []


def test_nothing_is_started_if_it_is_not_wanted():
    assert next_jobs(run_follow_on_jobs=False) == []


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.dag_id)
def test_each_following_job_runs_once_and_in_order_along_the_chain(job):
    ran, rest = [], jobs_to_run_next(job, run_type="manual", params=PARAMS, conf={})
    expected = [other.name for other in rest]
    while rest:
        conf = conf_of_next(date(2024, 2, 29), rest[1:])
        assert conf["run_date"] == "2024-02-29"
        assert conf["run_follow_on_jobs"] is False
        ran.append(rest[0].name)
        rest = jobs_to_run_next(rest[0], run_type="operator_triggered", params=PARAMS | conf, conf=conf)
    assert ran == expected


def test_only_a_run_in_the_chain_carries_the_rest_of_it():
    conf = {"then_run": ["post_funding_status_sync_job"]}
    assert next_jobs(run_type="manual", conf=conf, run_follow_on_jobs=False) == []


def test_the_run_ids_along_a_chain_tell_the_run_that_began_it():
    second = child_run_id("after", "manual__1", 1)
    assert (second, child_run_id("after", second, 1)) == ("after__manual__1__1", "after__manual__1__1__1")


def test_a_repeated_task_starts_a_run_of_another_id_that_airflow_accepts():
    ids = {child_run_id("recovery", "r" * 250, number) for number in (1, 2)}
    assert len(ids) == 2
    assert all(len(run_id) <= 250 for run_id in ids)
