"""The HTTP interface of the page, also for scripts: status of all jobs, parameters, starting runs.

Addresses and answers that old clients know are those of the service that this one replaces (docs/domain.md, "The HTTP
interface"). All other addresses are in sync_page.night_interface.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.sdk import timezone
from airflow.utils.session import create_session
from fastapi import APIRouter, Body, Depends, HTTPException, status
from fastapi.responses import JSONResponse

from sync_airflow.dag_ids import RECOVERY
from sync_jobs.catalogue import JOBS, Job
from sync_jobs.parameters import Parameter, job_parameters, recovery_parameters
from sync_jobs.report import COUNTS
from sync_page import starting
from sync_page.access import from_our_pages, may_run, may_view
from sync_page.answers import Started, errors
from sync_page.arguments import conf_of, split_jobs
from sync_page.errors import JobNotFound, MetadataFailed
from sync_page.rights import rights_of
from sync_page.snapshot import snapshot
from sync_page.starting import AlreadyRunning
from sync_page.status import JobStatus, RecoveryStatus, job_status, read_dags

JUST_STARTED = "Just started"
ALREADY_RUNNING = "Already running"

# The JSON body of a request that starts a run: any value, so that this interface can say what is wrong with it.
RunBody = Annotated[Any, Body()]

router = APIRouter(prefix="/api")


@dataclass(frozen=True, kw_only=True)
class Status:
    """now: UTC, ISO. jobs: those that the user may view, in table order. recovery: None if the user may not view it.

    counts: what a report counts, in display order.
    """

    now: str
    user: str
    jobs: list[JobStatus]
    recovery: RecoveryStatus | None
    counts: tuple[str, ...] = COUNTS


@router.get("/jobs/status", responses=errors(403, 503))
async def get_running(user: GetUserDep) -> dict[str, bool]:
    """Whether each job is running, or queued and due: {"personOwnerRebuildJob": false, ...}. For old clients.

    Only the jobs that the user may view.
    """
    rights = await rights_of(user)
    visible = [job for job in JOBS if job.dag_id in rights.viewable]
    require_something_visible(visible)
    facts = (await snapshot()).facts
    if facts.error:
        raise MetadataFailed(facts.error)
    active = {run.job for run in facts.runs if run.is_active and run.run_after <= facts.now}
    return {_with_small_letter(job.name): job.name in active for job in visible}


@router.get("/jobs", responses=errors(403, 503))
def get_status(user: GetUserDep) -> Status:
    """The last run of each job and of recovery, in full."""
    now = timezone.utcnow()
    visible = [dag_id for dag_id in (*(job.dag_id for job in JOBS), RECOVERY) if may_view(user, dag_id)]
    require_something_visible(visible)
    # Before the session takes a connection: each permission check takes one of its own. With many visitors at the same
    # time, all connections would be held by requests that wait for a second one.
    runnable = {dag_id for dag_id in visible if may_run(user, dag_id)}
    with create_session(scoped=False) as session:
        dags = read_dags(session, visible, now)
    recovery = dags.pop(RECOVERY, None)
    return Status(
        now=now.isoformat(),
        user=user.get_name(),
        jobs=[job_status(job, dags[job.dag_id], may_run=job.dag_id in runnable) for job in JOBS if job.dag_id in dags],
        recovery=RecoveryStatus(**vars(recovery), may_run=RECOVERY in runnable) if recovery else None,
    )


@router.get("/job/{name}/parameters", responses=errors(400, 403))
def get_job_parameters(name: str, user: GetUserDep) -> list[Parameter]:
    """The parameters of a job's manual runs, except those that make no difference to this job."""
    job = find(name)
    require_right_to_view(user, job.dag_id)
    return [parameter for parameter in job_parameters(job) if parameter.has_effect]


@router.get("/jobs/parameters", responses=errors(403))
def get_recovery_parameters(user: GetUserDep) -> list[Parameter]:
    """The parameters of a run of all jobs."""
    require_right_to_view(user, RECOVERY)
    return list(recovery_parameters())


@router.put(
    "/job/{name}",
    dependencies=[Depends(from_our_pages)],
    response_model=Started,
    responses=errors(400, 403, 409, 415, 503),
)
def start_job(name: str, user: GetUserDep, body: RunBody = None) -> JSONResponse:
    """Start one job. name: the operators' name, in any case, or the DAG id.

    The body may be empty, or an object with some of the job's parameters; dateOverride stands for date_override.
    """
    job = find(name)
    require_right_to_run(user, job.dag_id)
    return start(job.dag_id, conf_of(body, job_parameters(job)), user)


@router.put("/jobs/", include_in_schema=False, dependencies=[Depends(from_our_pages)])
@router.put(
    "/jobs", dependencies=[Depends(from_our_pages)], response_model=Started, responses=errors(400, 403, 409, 415, 503)
)
def start_all(user: GetUserDep, body: RunBody = None) -> JSONResponse:
    """Start recovery: all jobs in order, one after the other. "jobs", a list of names: only these, in that order.

    The body may be empty, or an object with some of recovery's parameters.
    """
    require_right_to_run(user, RECOVERY)
    rest, only = split_jobs(body)
    return start(RECOVERY, conf_of(rest, recovery_parameters()) | only, user)


def find(name: str) -> Job:
    """The job of that name. Raises JobNotFound."""
    for job in JOBS:
        if name.lower() in (job.name.lower(), job.dag_id):
            return job
    raise JobNotFound


def require_something_visible(visible: Collection[object]) -> None:
    """Refuse the request of a user who may view no job. visible: the jobs, or DAGs, that the user may view."""
    if not visible:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "You may not view these jobs: ask for permission to view runs")


def require_right_to_view(user: Any, dag_id: str) -> None:
    """Refuse the request of a user who may not view the DAG's runs."""
    if not may_view(user, dag_id):
        raise HTTPException(status.HTTP_403_FORBIDDEN, f"You may not view {dag_id}: ask for view permission")


def require_right_to_run(user: Any, dag_id: str) -> None:
    """Refuse the request of a user who may not start runs of the DAG."""
    if not may_run(user, dag_id):
        raise HTTPException(status.HTTP_403_FORBIDDEN, f"You may not run {dag_id}: ask for permission to trigger it")


def start(dag_id: str, conf: dict[str, Any], user: Any, *, reason: str = "") -> JSONResponse:
    """Start a run unless one is active (sync_page.starting). The answer says which of the two happened."""
    try:
        run_id = starting.start(dag_id, conf, user, reason=reason)
    except AlreadyRunning as error:
        return JSONResponse({"status": ALREADY_RUNNING, "run_id": str(error)})
    return JSONResponse({"status": JUST_STARTED, "run_id": run_id})


def _with_small_letter(name: str) -> str:
    return name[:1].lower() + name[1:]
