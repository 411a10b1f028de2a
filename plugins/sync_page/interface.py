"""The HTTP interface of the page, also for scripts: what is running, parameters, starting runs.

Addresses and answers that old clients know are those of the service that this one replaces (docs/domain.md, "The HTTP
interface"). All other addresses are in sync_page.night_interface.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Body, Depends, HTTPException, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from sync_airflow.dag_ids import RECOVERY
from sync_jobs.catalogue import JOBS, Job
from sync_jobs.parameters import Parameter, job_parameters, recovery_parameters
from sync_page import starting, stopping
from sync_page.access import from_our_pages, may_run, may_stop, may_view
from sync_page.answers import Started, Stopped, errors
from sync_page.arguments import conf_of, split_jobs
from sync_page.errors import JobNotFound, MetadataFailed
from sync_page.rights import rights_of
from sync_page.snapshot import forget, snapshot
from sync_page.starting import AlreadyRunning
from sync_page.stop_form import active_run, lacks_right
from sync_page.stopping import NotRunning

JUST_STARTED = "Just started"
ALREADY_RUNNING = "Already running"

# The JSON body of a request that starts a run: any value, so that this interface can say what is wrong with it.
RunBody = Annotated[Any, Body()]

router = APIRouter(prefix="/api")


class Stop(BaseModel):
    """run_id: of the run to stop; empty for the active one. reason: kept in the note of the run."""

    run_id: str = ""
    reason: str = ""


@router.get("/jobs/status", responses=errors(403))
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
    responses=errors(400, 403, 409, 415),
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
    "/jobs", dependencies=[Depends(from_our_pages)], response_model=Started, responses=errors(400, 403, 409, 415)
)
def start_all(user: GetUserDep, body: RunBody = None) -> JSONResponse:
    """Start recovery: all jobs in order, one after the other. "jobs", a list of names: only these, in that order.

    The body may be empty, or an object with some of recovery's parameters.
    """
    require_right_to_run(user, RECOVERY)
    rest, only = split_jobs(body)
    return start(RECOVERY, conf_of(rest, recovery_parameters()) | only, user)


@router.put(
    "/job/{name}/stop",
    dependencies=[Depends(from_our_pages)],
    response_model=Stopped,
    responses=errors(400, 403, 409, 415),
)
async def stop_job(name: str, user: GetUserDep, wanted: Stop | None = None) -> Stopped:
    """Stop the running or queued run of a job. name: as for a start. With run_id in the body only that run."""
    return await _stop(find(name).dag_id, user, wanted or Stop())


@router.put(
    "/jobs/stop",
    dependencies=[Depends(from_our_pages)],
    response_model=Stopped,
    responses=errors(400, 403, 409, 415),
)
async def stop_all(user: GetUserDep, wanted: Stop | None = None) -> Stopped:
    """Stop recovery, and the run of the job that it has started."""
    return await _stop(RECOVERY, user, wanted or Stop())


async def _stop(dag_id: str, user: Any, wanted: Stop) -> Stopped:
    if not await run_in_threadpool(may_stop, user, dag_id):
        raise HTTPException(status.HTTP_403_FORBIDDEN, lacks_right(user.get_name(), dag_id))
    forget()
    active = active_run(await snapshot(), dag_id)
    run_id = wanted.run_id or (active.run_id if active else "")
    try:
        run_ids = await run_in_threadpool(stopping.stop, dag_id, run_id, user, reason=wanted.reason.strip())
    except NotRunning:
        what = f"The run {wanted.run_id} of {dag_id}" if wanted.run_id else dag_id
        raise HTTPException(status.HTTP_409_CONFLICT, f"{what} is not running. Nothing was stopped.") from None
    return Stopped(status="Stopped", run_ids=run_ids)


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
