"""The verdict on a night from what a task can know. Tasks may not read Airflow's database.

The judge is that of the page (sync_airflow.night). A task knows the successes of the jobs from their asset events, the
states of the tasks of the night's own runs, and the search indices. It does not know when a run failed, nor who has
paused a DAG.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import timezone

from sync_airflow.night.facts import Facts, RunFact, SearchFact
from sync_airflow.night.states import tick_of
from sync_airflow.night.verdict import Night, judge
from sync_airflow.night_rules import Success, run_ids_of_night
from sync_airflow.run_ids import first_run_id, started_by_of
from sync_airflow.tasks.past_successes import past_successes
from sync_airflow.tasks.sensors import wait_task_id
from sync_jobs.catalogue import JOBS, Job, upstream_jobs
from sync_jobs.index_definitions import INDEX_DEFINITIONS

if TYPE_CHECKING:
    from airflow.sdk import Context

# States of a task that has not ended are all others.
FAILED = ("failed", "upstream_failed")
ENDED = (*FAILED, "success", "skipped", "removed")


def night_known_to(context: Context, run_date: date, more_runs: Iterable[RunFact] = ()) -> Night:
    """The night of that run date. more_runs: those that the task knows besides.

    The assets of all jobs must be inlets of the task.
    """
    successes_of = past_successes(context)
    run = context["dag_run"]
    users = {run.run_id: run.triggering_user_name or ""}
    runs = [_of_success(job, success, users) for job in JOBS for success in successes_of(job)]
    known = {(each.job, each.run_id) for each in runs}
    others = [*_of_night(context, run_date), *more_runs]
    runs += [each for each in others if (each.job, each.run_id) not in known]
    return judge(Facts(now=timezone.utcnow(), runs=tuple(runs), search=_search()), run_date)


def failed_run(job: Job, run_id: str, run_date: date, started: datetime, **more: Any) -> RunFact:
    """A run for that date that has failed. started: about when."""
    values: dict[str, Any] = {"state": "failed", "started_by": started_by_of(run_id)}
    return _run(job, run_id, run_date, started, **values | more)


def _run(job: Job, run_id: str, run_date: date, started: datetime, **more: Any) -> RunFact:
    return RunFact(
        job=job.name,
        dag_id=job.dag_id,
        run_id=run_id,
        own_date=more.pop("own_date", run_date),
        run_date=run_date,
        run_after=started,
        started=started,
        **more,
    )


def _of_success(job: Job, success: Success, users: Mapping[str, str]) -> RunFact:
    return _run(
        job,
        success.run_id,
        success.run_date,
        success.started,
        own_date=success.own_date,
        state="success",
        started_by=started_by_of(success.run_id),
        dry_run=success.dry_run,
        date_override=success.date_override,
        worked_from=success.started,
        worked_until=success.ended,
        ended=success.ended,
        user=users.get(first_run_id(success.run_id), ""),
    )


def _of_night(context: Context, run_date: date) -> Iterable[RunFact]:
    """The night's own runs that have failed or are running. Those that succeeded have left an event."""
    for job in JOBS:
        tick = tick_of(job, run_date)
        if tick > timezone.utcnow():
            continue
        states_by_run = context["ti"].get_task_states(dag_id=job.dag_id, run_ids=run_ids_of_night(tick))
        for run_id, states in states_by_run.items():
            if any(state not in ENDED for state in states.values()):
                yield _run(job, run_id, run_date, tick, state="running", started_by="schedule")
            elif any(state in FAILED for state in states.values()):
                yield failed_run(job, run_id, run_date, tick, stopped_by=_stopped_by(job, states))


def _stopped_by(job: Job, states: Mapping[str, Any]) -> str | None:
    """The upstream job whose failure ended the run's wait for it."""
    waited_for = (other for other in upstream_jobs(job) if states.get(wait_task_id(other)) in FAILED)
    return next((other.name for other in waited_for), None)


def _search() -> tuple[SearchFact, ...]:
    # Imported here, because it imports both drivers; DAG files must not.
    from sync_airflow.search_state import read_search  # noqa: PLC0415

    return read_search(INDEX_DEFINITIONS, timezone.utcnow())
