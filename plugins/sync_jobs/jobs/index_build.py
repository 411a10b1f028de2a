"""Any job that builds an index. Job 6 is one: docs/domain.md, "6 PersonElasticSearchSyncJob"."""

from sync_jobs.job_run import JobRun
from sync_jobs.report import Outcome
from sync_jobs.search.build import build_index


def rebuild_index(run: JobRun) -> Outcome:
    """Rebuild the index of the job: a new index beside the live one, verified, then put behind the alias."""
    return build_index(run.index, run)
