"""The table of jobs says what docs/domain.md says."""

from datetime import time

import pytest

from sync_jobs.catalogue import JOBS, find_job, index_build_before, jobs_to_run_after, upstream_jobs

# docs/domain.md, "The eight jobs": time, name, kind, what it writes, follow-on jobs.
# The DAG ids are those of docs/design.md, "Names that others rely on".
DOMAIN: tuple[tuple[time, str, str, str, list[str]], ...] = (
    (time(0, 5), "PersonOwnerRebuildJob", "rebuild", "person_owner", ["PersonElasticSearchSyncJob"]),
    (
        time(0, 9),
        "PersonPlacementEmployingBodyTrustJob",
        "rebuild",
        "person_trust (employing bodies)",
        ["PersonPlacementTrainingBodyTrustJob", "PersonElasticSearchSyncJob"],
    ),
    (
        time(0, 29),
        "PersonPlacementTrainingBodyTrustJob",
        "append-only",
        "person_trust (training bodies)",
        ["PersonElasticSearchSyncJob"],
    ),
    (
        time(1, 9),
        "PostEmployingBodyTrustJob",
        "rebuild",
        "post_trust (employing bodies)",
        ["PostTrainingBodyTrustJob"],
    ),
    (time(1, 19), "PostTrainingBodyTrustJob", "append-only", "post_trust (training bodies)", []),
    (time(1, 29), "PersonElasticSearchSyncJob", "rebuild", "Elasticsearch index persons", []),
    (time(1, 45), "PostFundingStatusSyncJob", "field update", "post.funding_status", []),
    (time(2, 0), "PersonRecordStatusJob", "field update", "person.status", ["PersonElasticSearchSyncJob"]),
)
DAG_IDS = {
    "PersonOwnerRebuildJob": "person_owner_rebuild_job",
    "PersonPlacementEmployingBodyTrustJob": "person_placement_employing_body_trust_job",
    "PersonPlacementTrainingBodyTrustJob": "person_placement_training_body_trust_job",
    "PostEmployingBodyTrustJob": "post_employing_body_trust_job",
    "PostTrainingBodyTrustJob": "post_training_body_trust_job",
    "PersonElasticSearchSyncJob": "person_elastic_search_sync_job",
    "PostFundingStatusSyncJob": "post_funding_status_sync_job",
    "PersonRecordStatusJob": "person_record_status_job",
}
# What a scheduled run waits for: jobs that name it as follow-on and come earlier in the night.
UPSTREAM_JOBS = {
    "PersonOwnerRebuildJob": [],
    "PersonPlacementEmployingBodyTrustJob": [],
    "PersonPlacementTrainingBodyTrustJob": ["PersonPlacementEmployingBodyTrustJob"],
    "PostEmployingBodyTrustJob": [],
    "PostTrainingBodyTrustJob": ["PostEmployingBodyTrustJob"],
    "PersonElasticSearchSyncJob": [
        "PersonOwnerRebuildJob",
        "PersonPlacementEmployingBodyTrustJob",
        "PersonPlacementTrainingBodyTrustJob",
    ],
    "PostFundingStatusSyncJob": [],
    "PersonRecordStatusJob": [],
}
# What a run by hand runs next. Job 8 refreshes the documents that it changed itself: no rebuild comes after it.
JOBS_TO_RUN_AFTER = {
    "PersonOwnerRebuildJob": ["PersonElasticSearchSyncJob"],
    "PersonPlacementEmployingBodyTrustJob": ["PersonPlacementTrainingBodyTrustJob", "PersonElasticSearchSyncJob"],
    "PersonPlacementTrainingBodyTrustJob": ["PersonElasticSearchSyncJob"],
    "PostEmployingBodyTrustJob": ["PostTrainingBodyTrustJob"],
    "PostTrainingBodyTrustJob": [],
    "PersonElasticSearchSyncJob": [],
    "PostFundingStatusSyncJob": [],
    "PersonRecordStatusJob": [],
}
NAMES = [row[1] for row in DOMAIN]


def test_the_table_has_the_rows_of_the_domain_in_their_order() -> None:
    assert [(job.at, job.name, job.kind, job.writes, list(job.follow_on_jobs)) for job in JOBS] == list(DOMAIN)


def test_the_rows_are_in_the_order_of_their_times() -> None:
    times = [job.at for job in JOBS]
    assert times == sorted(set(times))


def test_the_times_are_plain_ones_that_the_dags_read_as_utc() -> None:
    assert {job.at.tzinfo for job in JOBS} == {None}


@pytest.mark.parametrize("name", NAMES)
def test_a_dag_id_is_the_name_in_snake_case(name: str) -> None:
    assert find_job(name).dag_id == DAG_IDS[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_job_is_found_by_its_name_and_by_its_dag_id(name: str) -> None:
    assert find_job(name).name == find_job(DAG_IDS[name]).name == name


@pytest.mark.parametrize("unknown", ["", "personownerrebuildjob", "PersonOwnerRebuildJob ", "recovery"])
def test_no_job_is_found_by_any_other_name(unknown: str) -> None:
    with pytest.raises(KeyError):
        find_job(unknown)


@pytest.mark.parametrize("name", NAMES)
def test_a_job_waits_for_the_earlier_ones_that_name_it_as_follow_on(name: str) -> None:
    assert [job.name for job in upstream_jobs(find_job(name))] == UPSTREAM_JOBS[name]


@pytest.mark.parametrize("name", NAMES)
def test_only_the_record_status_job_waits_for_the_index_build_before_it(name: str) -> None:
    build = index_build_before(find_job(name))
    expected = "PersonElasticSearchSyncJob" if name == "PersonRecordStatusJob" else None
    assert (build.name if build else None) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_run_by_hand_is_followed_by_what_depends_on_it_each_once_in_table_order(name: str) -> None:
    assert [job.name for job in jobs_to_run_after(find_job(name))] == JOBS_TO_RUN_AFTER[name]


def test_only_the_two_field_updates_cover_missed_nights() -> None:
    covering = [job.name for job in JOBS if job.covers_missed_nights]
    assert covering == ["PostFundingStatusSyncJob", "PersonRecordStatusJob"]


def test_only_the_record_status_job_takes_a_date_override() -> None:
    assert [job.name for job in JOBS if job.takes_date_override] == ["PersonRecordStatusJob"]


def test_no_two_jobs_share_a_dag_id_or_an_entry_point() -> None:
    assert len({job.dag_id for job in JOBS}) == len({job.entry_point for job in JOBS}) == 8
