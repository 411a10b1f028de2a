"""The table of jobs: which jobs there are, when they run and which jobs follow each of them.

DAGs, sensors, follow-on jobs, the recovery order, the page and the manuals are made from it, so that schedule, order
and run-book cannot disagree. The rows are those of docs/domain.md, "The eight jobs".
"""

import re
from dataclasses import dataclass
from datetime import time
from typing import Literal

from sync_jobs.guard_rail import DEFAULT_LIMITS, Limits
from sync_jobs.index_definitions.persons import PERSONS
from sync_jobs.search.definition import IndexDefinition

Kind = Literal["rebuild", "append-only", "field update"]


@dataclass(frozen=True)
class Job:
    """One row of the table of jobs.

    name: the name that operators use. at: the UTC time of its nightly run. writes: what it owns, for display.
    follow_on_jobs: names of the jobs that operators re-run after it.
    entry_point: "module:function" that does the work, imported only when the job runs.
    builds_index: the index that it builds. refreshes_index: the index in which it refreshes single documents.
    takes_date_override: whether a run takes the parameter date_override (docs/domain.md, "8 PersonRecordStatusJob").
    covers_missed_nights: whether a scheduled run covers every date since the last success (jobs 7, 8).
    limits: the guard-rail limits of its runs, unless a run is given others.
    """

    name: str
    at: time
    kind: Kind
    writes: str
    summary: str
    entry_point: str
    follow_on_jobs: tuple[str, ...] = ()
    builds_index: IndexDefinition | None = None
    refreshes_index: IndexDefinition | None = None
    takes_date_override: bool = False
    covers_missed_nights: bool = False
    limits: Limits = DEFAULT_LIMITS

    @property
    def dag_id(self) -> str:
        """The name in snake_case: PersonOwnerRebuildJob -> person_owner_rebuild_job."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.name).lower()


JOBS: tuple[Job, ...] = (
    Job(
        name="PersonOwnerRebuildJob",
        at=time(0, 5),
        kind="rebuild",
        writes="person_owner",
        summary="Works out which local office owns each person.",
        entry_point="sync_jobs.jobs.person_owner:rebuild_person_owner",
        follow_on_jobs=("PersonElasticSearchSyncJob",),
    ),
    Job(
        name="PersonPlacementEmployingBodyTrustJob",
        at=time(0, 9),
        kind="rebuild",
        writes="person_trust (employing bodies)",
        summary="Lets trusts see the persons whom they employ in any placement.",
        entry_point="sync_jobs.jobs.trusts:rebuild_person_employing_bodies",
        follow_on_jobs=("PersonPlacementTrainingBodyTrustJob", "PersonElasticSearchSyncJob"),
    ),
    Job(
        name="PersonPlacementTrainingBodyTrustJob",
        at=time(0, 29),
        kind="append-only",
        writes="person_trust (training bodies)",
        summary="Lets trusts see the persons whom they train in any placement.",
        entry_point="sync_jobs.jobs.trusts:rebuild_person_training_bodies",
        follow_on_jobs=("PersonElasticSearchSyncJob",),
    ),
    Job(
        name="PostEmployingBodyTrustJob",
        at=time(1, 9),
        kind="rebuild",
        writes="post_trust (employing bodies)",
        summary="Lets trusts see the posts of which they are the employing body.",
        entry_point="sync_jobs.jobs.trusts:rebuild_post_employing_bodies",
        follow_on_jobs=("PostTrainingBodyTrustJob",),
    ),
    Job(
        name="PostTrainingBodyTrustJob",
        at=time(1, 19),
        kind="append-only",
        writes="post_trust (training bodies)",
        summary="Lets trusts see the posts of which they are the training body.",
        entry_point="sync_jobs.jobs.trusts:rebuild_post_training_bodies",
    ),
    Job(
        name="PersonElasticSearchSyncJob",
        at=time(1, 29),
        kind="rebuild",
        writes="Elasticsearch index persons",
        summary="Builds a new search index next to the live one, then swaps the alias.",
        entry_point="sync_jobs.jobs.index_build:rebuild_index",
        builds_index=PERSONS,
        # On the first Wednesday of August a third of all documents change: those of everybody who is in training.
        limits=Limits(maximum_changed_percent=50),
    ),
    Job(
        name="PostFundingStatusSyncJob",
        at=time(1, 45),
        kind="field update",
        writes="post.funding_status",
        summary="Sets posts INACTIVE if their last funding ended yesterday.",
        entry_point="sync_jobs.jobs.post_funding_status:update_post_funding_status",
        covers_missed_nights=True,
    ),
    Job(
        name="PersonRecordStatusJob",
        at=time(2, 0),
        kind="field update",
        writes="person.status",
        summary="Sets persons CURRENT or INACTIVE if a membership starts today or ended yesterday.",
        entry_point="sync_jobs.jobs.person_record_status:update_person_record_status",
        follow_on_jobs=("PersonElasticSearchSyncJob",),
        refreshes_index=PERSONS,
        takes_date_override=True,
        covers_missed_nights=True,
    ),
)

_BY_NAME = {job.name: job for job in JOBS} | {job.dag_id: job for job in JOBS}


def find_job(name: str) -> Job:
    """The job with this name or DAG id. Raises KeyError for any other name."""
    return _BY_NAME[name]


def upstream_jobs(job: Job) -> tuple[Job, ...]:
    """The jobs that must have succeeded in the same night before this one runs, in table order.

    They name it as a follow-on job and come earlier in the night. A job never waits for a job that comes later.
    """
    earlier = JOBS[: JOBS.index(job)]
    return tuple(other for other in earlier if job.name in other.follow_on_jobs)


def jobs_waiting_for(job: Job) -> tuple[Job, ...]:
    """The jobs that wait for the success of this one in the same night, in table order."""
    return tuple(other for other in JOBS if job in upstream_jobs(other))


def index_build_before(job: Job) -> Job | None:
    """The earlier job that builds the index in which this one refreshes documents; None if no job does.

    This one waits for its end, in success or failure. So PersonRecordStatusJob waits for PersonElasticSearchSyncJob.
    """
    earlier = JOBS[: JOBS.index(job)]
    return next((other for other in earlier if job.refreshes_index and other.builds_index == job.refreshes_index), None)


def build_job(definition: IndexDefinition) -> Job:
    """The job that builds this index. Raises LookupError if no job does."""
    for job in JOBS:
        if job.builds_index == definition:
            return job
    raise LookupError(f"No job builds the index {definition.alias}")


def jobs_to_run_after(job: Job) -> tuple[Job, ...]:
    """The follow-on jobs of a manual run, transitively, each once, in table order."""
    found: set[str] = set()
    for other in JOBS[JOBS.index(job) :]:
        if other is job or other.name in found:
            found.update(other.follow_on_jobs)
    return tuple(other for other in JOBS[JOBS.index(job) + 1 :] if other.name in found)
