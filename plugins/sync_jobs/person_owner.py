"""Job 1, PersonOwnerRebuildJob: which local office owns each person (domain.md, "1 PersonOwnerRebuildJob")."""

from sync_jobs.database import apply_difference, snapshot
from sync_jobs.report import Outcome
from sync_jobs.run import JobRun


def rebuild_person_owner(run: JobRun) -> Outcome:
    """Give person_owner exactly one row for every person: (id, owner, rule)."""
    with snapshot(run.postgres):
        return apply_difference(
            run.postgres,
            "person_owner",
            {"run_date": run.run_date},
            existing="person_owner_existing",
            what="person_owner",
            maximum_removed_percent=run.maximum_removed_percent,
            dry_run=run.dry_run,
            loss="remove or take from another kind of source",
        )
