"""Jobs 2 to 5: which trusts may see which persons and posts (docs/domain.md, "2, 3 PersonPlacement…TrustJob" and
"4, 5 Post…TrustJob").

Each job owns the rows of its own body. Readers see either the old rows or the new ones.
"""

from typing import Literal

from sync_jobs.job_run import JobRun
from sync_jobs.postgres.difference import apply_difference
from sync_jobs.postgres.transactions import snapshot
from sync_jobs.report import Outcome

Table = Literal["person_trust", "post_trust"]
Body = Literal["EMPLOYING", "TRAINING"]


def rebuild_person_employing_bodies(run: JobRun) -> Outcome:
    """Job 2: the distinct pairs (person, employing body of a post with a past, current or future placement)."""
    return _rebuild(run, "person_trust", "EMPLOYING")


def rebuild_person_training_bodies(run: JobRun) -> Outcome:
    """Job 3: the same with the training bodies."""
    return _rebuild(run, "person_trust", "TRAINING")


def rebuild_post_employing_bodies(run: JobRun) -> Outcome:
    """Job 4: the pairs (post, its employing body)."""
    return _rebuild(run, "post_trust", "EMPLOYING")


def rebuild_post_training_bodies(run: JobRun) -> Outcome:
    """Job 5: the pairs (post, its training body)."""
    return _rebuild(run, "post_trust", "TRAINING")


def _rebuild(run: JobRun, table: Table, body: Body) -> Outcome:
    with snapshot(run.postgres):
        return apply_difference(
            run.postgres,
            f"jobs/{table}",
            {"body": body},
            existing=f"jobs/{table}_existing",
            what=f"{table} ({body})",
            limits=run.limits,
            dry_run=run.dry_run,
            now=f"jobs/{table}_now",
        )
