"""What the contract says of each job (docs/domain.md, "The eight jobs"), written down once for all tests.

Nothing here is read from sync_jobs.catalogue: the tests compare the catalogue, the DAGs, the page and the order of
recovery with this table, and would find no mistake in a copy. A new job needs one row here.
"""

from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True)
class ExpectedJob:
    """One row of the contract, in the order of the night.

    name: for operators. at: of the scheduled run, in UTC. writes: what the job owns, for people.
    follow_on_jobs: as operators know them, by name.
    waits_for: jobs whose success in the same night a scheduled run waits for, by name.
    waits_for_any_end_of: a job for whose end, success or failure, a scheduled run waits.
    runs_after: what a manual run starts, in this order. Recovery leaves out the same jobs if this one fails.
    builds_index, refreshes_index: alias of the index that it builds, or whose documents it brings up to date.
    covers_missed_nights: whether a scheduled run covers every date since the last success.
    takes_date_override: whether a manual run takes the parameter date_override.
    """

    name: str
    dag_id: str
    at: time
    kind: str
    writes: str
    follow_on_jobs: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    waits_for_any_end_of: str | None = None
    runs_after: tuple[str, ...] = ()
    builds_index: str | None = None
    refreshes_index: str | None = None
    covers_missed_nights: bool = False
    takes_date_override: bool = False

    def minutes_after(self, earlier: "ExpectedJob") -> int:
        """How much later in the night this job is due."""
        return 60 * (self.at.hour - earlier.at.hour) + self.at.minute - earlier.at.minute


EXPECTED_JOBS = (
    ExpectedJob(
        name="PersonOwnerRebuildJob",
        dag_id="person_owner_rebuild_job",
        at=time(0, 5),
        kind="rebuild",
        writes="person_owner",
        follow_on_jobs=("PersonElasticSearchSyncJob",),
        runs_after=("PersonElasticSearchSyncJob",),
    ),
    ExpectedJob(
        name="PersonPlacementEmployingBodyTrustJob",
        dag_id="person_placement_employing_body_trust_job",
        at=time(0, 9),
        kind="rebuild",
        writes="person_trust (employing bodies)",
        follow_on_jobs=("PersonPlacementTrainingBodyTrustJob", "PersonElasticSearchSyncJob"),
        runs_after=("PersonPlacementTrainingBodyTrustJob", "PersonElasticSearchSyncJob"),
    ),
    ExpectedJob(
        name="PersonPlacementTrainingBodyTrustJob",
        dag_id="person_placement_training_body_trust_job",
        at=time(0, 29),
        kind="append-only",
        writes="person_trust (training bodies)",
        follow_on_jobs=("PersonElasticSearchSyncJob",),
        waits_for=("PersonPlacementEmployingBodyTrustJob",),
        runs_after=("PersonElasticSearchSyncJob",),
    ),
    ExpectedJob(
        name="PostEmployingBodyTrustJob",
        dag_id="post_employing_body_trust_job",
        at=time(1, 9),
        kind="rebuild",
        writes="post_trust (employing bodies)",
        follow_on_jobs=("PostTrainingBodyTrustJob",),
        runs_after=("PostTrainingBodyTrustJob",),
    ),
    ExpectedJob(
        name="PostTrainingBodyTrustJob",
        dag_id="post_training_body_trust_job",
        at=time(1, 19),
        kind="append-only",
        writes="post_trust (training bodies)",
        waits_for=("PostEmployingBodyTrustJob",),
    ),
    ExpectedJob(
        name="PersonElasticSearchSyncJob",
        dag_id="person_elastic_search_sync_job",
        at=time(1, 29),
        kind="rebuild",
        writes="Elasticsearch index persons",
        waits_for=(
            "PersonOwnerRebuildJob",
            "PersonPlacementEmployingBodyTrustJob",
            "PersonPlacementTrainingBodyTrustJob",
        ),
        builds_index="persons",
    ),
    ExpectedJob(
        name="PostFundingStatusSyncJob",
        dag_id="post_funding_status_sync_job",
        at=time(1, 45),
        kind="field update",
        writes="post.funding_status",
        covers_missed_nights=True,
    ),
    ExpectedJob(
        name="PersonRecordStatusJob",
        dag_id="person_record_status_job",
        at=time(2, 0),
        kind="field update",
        writes="person.status",
        # It refreshes the documents of the persons it changed, so no build runs after it.
        follow_on_jobs=("PersonElasticSearchSyncJob",),
        waits_for_any_end_of="PersonElasticSearchSyncJob",
        refreshes_index="persons",
        covers_missed_nights=True,
        takes_date_override=True,
    ),
)
DAG_IDS = tuple(job.dag_id for job in EXPECTED_JOBS)
BY_NAME = {job.name: job for job in EXPECTED_JOBS}
BY_DAG_ID = {job.dag_id: job for job in EXPECTED_JOBS}


def expected_job_id(value: object) -> str | None:
    """For pytest.mark.parametrize(…, ids=expected_job_id): the name of a job; None for any other value."""
    return value.name if isinstance(value, ExpectedJob) else None
