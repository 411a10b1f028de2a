"""Job 1, PersonOwnerRebuildJob: which local office owns each person (docs/domain.md, "1 PersonOwnerRebuildJob")."""

from sync_jobs.job_run import JobRun
from sync_jobs.postgres.difference import apply_difference
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.report import Outcome


def rebuild_person_owner(run: JobRun) -> Outcome:
    """Give person_owner exactly one row for every person: (id, owner, rule)."""
    with snapshot(run.postgres):
        return apply_difference(
            run.postgres,
            "jobs/person_owner",
            {"run_date": run.run_date},
            existing="jobs/person_owner_existing",
            what="person_owner",
            limits=run.limits,
            dry_run=run.dry_run,
            parts="jobs/person_owner_sources",
            now="jobs/person_owner_now",
            loss="remove, or switch the source of,",
        )
