"""Jobs that build an index, such as job 6 (docs/domain.md, "6 PersonElasticSearchSyncJob")."""

from sync_jobs.job_run import JobRun
from sync_jobs.report import Outcome
from sync_jobs.search.build import build_index


def rebuild_index(run: JobRun) -> Outcome:
    """Build a new index of the job next to the live one, verify it, and put it behind the alias."""
    return build_index(run.index, run)
