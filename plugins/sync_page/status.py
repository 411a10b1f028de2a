"""The status of the jobs, from Airflow's metadata database: which are running, and what the last run did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import DagRunState, TaskInstanceState
from sqlalchemy import func, or_, select

from sync_airflow.dag_ids import RUN_JOB
from sync_airflow.night_reader import given_conf, run_date_of, started_by
from sync_airflow.night_rules import SCHEDULED, run_type_of
from sync_airflow.restart.exclusive_start import active, planned
from sync_airflow.tasks.recovery_summary import SUMMARY
from sync_jobs.catalogue import Job, jobs_to_run_after
from sync_jobs.parameter_names import DRY_RUN
from sync_page.task_news import TaskNews
from sync_page.words import path_in_airflow

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

# The task that does the work of a DAG. If it was skipped in a successful run, another run has done the work.
WORKING_TASKS = (RUN_JOB, SUMMARY)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a job, or of recovery.

    state: queued, running, success or failed. started_by: schedule, manual, follow-on, recovery, restart or backfill.
    run_date: None if the given one is not a date. started, ended: UTC; seconds: between them, or until now.
    waits: what a running run waits for; None while it works. report: of a job that succeeded, as made by
    sync_jobs.report.Report.as_dict. reason, failed_task: of a failed run. path: of the run in Airflow's UI.
    run_after: the time before which Airflow does not start it, UTC.
    """

    run_id: str
    state: str
    started_by: str
    run_date: date | None
    dry_run: bool
    started: datetime | None
    ended: datetime | None
    seconds: float | None
    path: str
    run_after: datetime
    waits: str | None = None
    report: Mapping[str, Any] | None = None
    reason: str | None = None
    failed_task: str | None = None


@dataclass(frozen=True, kw_only=True)
class DagStatus:
    """running: whether a run is running, or queued and due. current: that run. last: the run that ended last.

    planned: the next run that somebody has queued for a later time; None for the schedule's own. Until it has ended,
    Airflow creates no scheduled run of the DAG: queued runs count towards max_active_runs.

    known: whether Airflow has read the DAG. succeeded_today: whether a run other than a dry run has succeeded since
    midnight UTC.
    """

    dag_id: str
    known: bool
    is_paused: bool
    running: bool
    current: Run | None
    planned: Run | None
    last: Run | None
    succeeded_today: bool


@dataclass(frozen=True, kw_only=True)
class JobStatus(DagStatus):
    """A row of the table of jobs, with its status. then_run: the follow-on jobs of a manual run, in order."""

    name: str
    at: str
    writes: str
    summary: str
    then_run: list[str]
    may_run: bool


@dataclass(frozen=True, kw_only=True)
class RecoveryStatus(DagStatus):
    """The status of recovery, which runs all jobs in order."""

    may_run: bool


def read_dags(session: Session, dag_ids: Iterable[str], now: datetime) -> dict[str, DagStatus]:
    """The status of each of these DAGs. now: UTC; its date is today."""
    dag_ids = list(dag_ids)
    history = _History(session, dag_ids, now)
    models = {model.dag_id: model for model in session.scalars(select(DagModel).where(DagModel.dag_id.in_(dag_ids)))}
    return {dag_id: history.status(dag_id, models.get(dag_id)) for dag_id in dag_ids}


def job_status(job: Job, dag: DagStatus, *, may_run: bool) -> JobStatus:
    """A job of the catalogue with the status of its DAG."""
    return JobStatus(
        **vars(dag),
        name=job.name,
        at=f"{job.at:%H:%M}",
        writes=job.writes,
        summary=job.summary,
        then_run=[other.name for other in jobs_to_run_after(job)],
        may_run=may_run,
    )


class _History:
    """The runs of some DAGs: active and planned ones, those that ended since midnight UTC, the one that ended last."""

    def __init__(self, session: Session, dag_ids: list[str], now: datetime) -> None:
        self._now = now
        now_active: dict[str, list[DagRun]] = defaultdict(list)
        for run in session.scalars(select(DagRun).where(DagRun.dag_id.in_(dag_ids), active(now)).order_by(DagRun.id)):
            now_active[run.dag_id].append(run)
        self._planned: dict[str, DagRun] = {}
        latest_first = select(DagRun).where(DagRun.dag_id.in_(dag_ids), planned(now)).order_by(DagRun.run_after.desc())
        for run in session.scalars(latest_first):
            if run_type_of(run) != SCHEDULED:  # a run in place of a scheduled one blocks no night
                self._planned[run.dag_id] = run
        self._ended: dict[str, list[DagRun]] = defaultdict(list)
        for run in session.scalars(_ended_runs(dag_ids, since=datetime.combine(now.date(), time.min, UTC))):
            self._ended[run.dag_id].append(run)
        # A running run comes before a queued one, which waits for it.
        self._current = {
            dag_id: min(runs, key=lambda run: run.state != DagRunState.RUNNING) for dag_id, runs in now_active.items()
        }
        self._news = TaskNews(session, [*self._current.values(), *(runs[0] for runs in self._ended.values())])

    def status(self, dag_id: str, model: DagModel | None) -> DagStatus:
        current, later, ended = self._current.get(dag_id), self._planned.get(dag_id), self._ended[dag_id]
        return DagStatus(
            dag_id=dag_id,
            known=model is not None and not model.is_stale,
            is_paused=bool(model and model.is_paused),
            running=current is not None,
            current=_run(current, self._now, waits=self._news.waits(current)) if current else None,
            planned=_run(later, self._now) if later else None,
            last=_run(ended[0], self._now, **self._news.outcome(ended[0])) if ended else None,
            succeeded_today=any(self._is_success_of_today(run) for run in ended),
        )

    def _is_success_of_today(self, run: DagRun) -> bool:
        is_of_today = run.end_date is not None and run.end_date.date() == self._now.date()
        return is_of_today and run.state == DagRunState.SUCCESS and not _is_dry(run)


def _ended_runs(dag_ids: list[str], since: datetime) -> Select[DagRun]:
    """For each DAG the run that ended last, and all that ended since then, newest first.

    Leaves out successful runs that skipped their work, because another run has done it. If somebody marks a run as
    failed before its work begins, Airflow sets that task to skipped too; such a run counts as failed.
    """
    newest_first = (DagRun.end_date.desc(), DagRun.id.desc())
    numbered = (
        select(
            DagRun.id,
            DagRun.end_date,
            func.row_number().over(partition_by=DagRun.dag_id, order_by=newest_first).label("place"),
        )
        .join(TaskInstance, (TaskInstance.dag_id == DagRun.dag_id) & (TaskInstance.run_id == DagRun.run_id))
        .where(
            DagRun.dag_id.in_(dag_ids),
            DagRun.state.in_([DagRunState.SUCCESS, DagRunState.FAILED]),
            TaskInstance.task_id.in_(WORKING_TASKS),
            or_(
                DagRun.state == DagRunState.FAILED,
                func.coalesce(TaskInstance.state, "") != TaskInstanceState.SKIPPED,
            ),
        )
        .subquery()
    )
    wanted = select(numbered.c.id).where(or_(numbered.c.place == 1, numbered.c.end_date >= since))
    return select(DagRun).where(DagRun.id.in_(wanted)).order_by(*newest_first)


def _run(run: DagRun, now: datetime, **details: Any) -> Run:
    return Run(
        run_id=run.run_id,
        state=str(run.state),
        started_by=started_by(run),
        run_date=run_date_of(run),
        dry_run=_is_dry(run),
        started=run.start_date,
        ended=run.end_date,
        seconds=((run.end_date or now) - run.start_date).total_seconds() if run.start_date else None,
        path=path_in_airflow(run.dag_id, run.run_id),
        run_after=max(run.run_after, run.logical_date or run.run_after),
        **details,
    )


def _is_dry(run: DagRun) -> bool:
    return bool(given_conf(run).get(DRY_RUN))
