"""Past successes of a job, stored as events of the job's asset: what other runs have done already."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowSkipException

from sync_airflow.night_rules import Success, SuccessesOf, night_tick, reason_to_skip, run_type_of, successes
from sync_jobs.catalogue import JOBS, Job, upstream_jobs

if TYPE_CHECKING:
    from airflow.sdk import Context

# How many past successes are read: enough to include the last real one, and bounded over the years.
REMEMBERED_SUCCESSES = 200


def asset_of(job: Job) -> Asset:
    """The asset of what the job writes. Each success adds an event to it (night_rules.Success)."""
    return Asset(name=job.dag_id, uri=f"tis-sync://{job.dag_id}")


def assets_of_night(job: Job) -> list[Asset]:
    """The assets of the job and of all jobs upstream of it: the inlets of a task that reads past successes."""
    jobs = {job}
    for other in reversed(JOBS[: JOBS.index(job)]):
        if any(other in upstream_jobs(known) for known in jobs):
            jobs.add(other)
    return [asset_of(other) for other in JOBS if other in jobs]


def past_successes(context: Context) -> Callable[[Job], tuple[Success, ...]]:
    """A function that returns the latest successes of a job, newest first. It queries Airflow once per job.

    The job's asset must be an inlet of the task (assets_of_night).
    """
    events = context["inlet_events"]
    return cache(lambda job: successes(events[asset_of(job)].ascending(False).limit(REMEMBERED_SUCCESSES)))


def skip_if_covered(context: Context, job: Job, successes_of: SuccessesOf) -> None:
    """Raise AirflowSkipException if this scheduled run has nothing left to do (night_rules.reason_to_skip)."""
    run = context["dag_run"]
    reason = reason_to_skip(
        job,
        run_type=run_type_of(run),
        tick=night_tick(run),
        run_id=run.run_id,
        times_cleared=run.clear_number or 0,
        now=context["ti"].start_date,
        successes_of=successes_of,
    )
    if reason:
        raise AirflowSkipException(reason)
