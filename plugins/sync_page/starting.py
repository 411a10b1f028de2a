"""Starting a job, or recovery, by hand: once, however often it is asked for while a run is there."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, cast

from airflow.api.common.trigger_dag import trigger_dag
from airflow.exceptions import ParamValidationError
from airflow.utils.types import DagRunTriggeredByType
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from sync_airflow.restart.exclusive_start import active_run, lock_dag
from sync_jobs.errors import BadArgument
from sync_jobs.run_dates import covered_dates, parse_date

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from sqlalchemy.orm import Session

    from sync_jobs.catalogue import Job

Percent = Annotated[float, Field(strict=True, ge=0, le=100)]


def _iso_date(text: str) -> str | None:
    """As the params of a DAG want it; blank is none."""
    return str(parse_date(text)) if text.strip() else None


RunDate = Annotated[str, AfterValidator(_iso_date)]


class RecoveryArguments(BaseModel):
    """What all jobs in order may be asked for; whatever is left out, each takes its default."""

    model_config = ConfigDict(extra="forbid")

    run_date: RunDate | None = None
    maximum_removed_percent: Percent | None = None

    def conf(self) -> dict[str, Any]:
        """As the conf of a run: only what was given."""
        return self.model_dump(exclude_none=True)


class JobArguments(RecoveryArguments):
    """What one job may be asked for. date_override: for PersonRecordStatusJob alone (domain.md, job 8)."""

    dry_run: StrictBool | None = None
    run_follow_on_jobs: StrictBool | None = None
    date_override: str | None = None


class AlreadyRunning(Exception):
    """A run is queued or running; the text is its id."""


class Paused(Exception):
    """The DAG is paused: a run would wait until somebody unpauses it."""


def check_date_override(job: Job, arguments: JobArguments) -> None:
    """Raise BadArgument for a date override that is none, or that is given to a job that takes none."""
    if not arguments.date_override:
        return
    if not job.takes_date_override:
        raise BadArgument(f"{job.name} takes no date_override")
    # Dates that it is for do not matter here: only whether it is one.
    covered_dates(date.min, first_date=None, date_override=arguments.date_override, date_of_change_override="")


def start_once(session: Session, dag_id: str, conf: dict[str, Any], user_name: str) -> str:
    """Make a run of that DAG and return its id.

    Raises AlreadyRunning, Paused, DagNotFound, or BadArgument for what the DAG's params do not allow.
    """
    if lock_dag(session, dag_id).is_paused:
        raise Paused
    active = active_run(session, dag_id)
    if active:
        raise AlreadyRunning(active)
    try:
        run = trigger_dag(
            dag_id,
            conf=conf,
            triggered_by=DagRunTriggeredByType.REST_API,
            triggering_user_name=user_name,
            session=session,
        )
    except ParamValidationError as error:
        raise BadArgument(str(error)) from error
    return cast("DagRun", run).run_id  # Airflow declares None, too, but makes a run or raises an error
