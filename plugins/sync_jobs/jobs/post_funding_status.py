"""Job 7, PostFundingStatusSyncJob: posts whose funding has run out (docs/domain.md, "7 PostFundingStatusSyncJob")."""

from sync_jobs.job_run import JobRun
from sync_jobs.postgres.difference import apply_difference
from sync_jobs.postgres.statements import execute
from sync_jobs.postgres.transactions import read_committed
from sync_jobs.report import Outcome


def update_post_funding_status(run: JobRun) -> Outcome:
    """Set post.funding_status INACTIVE where the last funding ended the day before one of the dates covered."""
    covered = {"first_date": run.first_date, "last_date": run.last_date}
    with read_committed(run.postgres):
        execute(run.postgres, "jobs/post_funding_status_candidates", covered)
        return apply_difference(
            run.postgres,
            "jobs/post_funding_status",
            covered,
            existing="jobs/candidate_count",
            what="post.funding_status",
            limits=run.limits,
            dry_run=run.dry_run,
            at_risk="jobs/post_funding_status_at_risk",
            loss="make INACTIVE",
        )
