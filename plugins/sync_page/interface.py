"""The HTTP interface of the page, also for scripts: status of all jobs, search indices, parameters, starting runs.

Addresses and the words of the answers are those of the service that this one replaces (docs/domain.md, "The HTTP
interface"). The form of the status and some status codes differ: docs/reference/http-interface.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.exceptions import DagNotFound
from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowFailException
from elastic_transport import TransportError
from elasticsearch import ApiError
from fastapi import APIRouter, Body, Depends, HTTPException, status
from fastapi.responses import JSONResponse

from sync_airflow.dag_ids import RECOVERY
from sync_jobs.catalogue import JOBS, Job, build_job
from sync_jobs.errors import SyncJobError
from sync_jobs.index_definitions import INDEX_DEFINITIONS
from sync_jobs.parameters import Parameter, job_parameters, recovery_parameters
from sync_jobs.report import COUNTS
from sync_page.access import from_our_pages, may_run, may_view
from sync_page.arguments import conf_of
from sync_page.errors import JobNotFound
from sync_page.search_state import SearchState, read_search_states
from sync_page.starting import AlreadyRunning, Paused, start_once
from sync_page.status import JobStatus, RecoveryStatus, job_status, read_dags

JUST_STARTED = "Just started"
ALREADY_RUNNING = "Already running"

# The JSON body of a request that starts a run: any value, so that this interface can say what is wrong with it.
RunBody = Annotated[Any, Body()]

log = logging.getLogger(__name__)
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


@router.get("/jobs/status")
def get_status(session: SessionDep, user: GetUserDep) -> Status:
    """The status of all jobs and of recovery."""
    now = timezone.utcnow()
    visible = [dag_id for dag_id in (*(job.dag_id for job in JOBS), RECOVERY) if may_view(user, dag_id)]
    if not visible:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "You may not view these jobs: ask for permission to view runs")
    # Before the session takes a connection: each permission check takes one of its own. With many visitors at the same
    # time, all connections would be held by requests that wait for a second one.
    runnable = {dag_id for dag_id in visible if may_run(user, dag_id)}
    dags = read_dags(session, visible, now)
    recovery = dags.pop(RECOVERY, None)
    return Status(
        now=now.isoformat(),
        user=user.get_name(),
        jobs=[job_status(job, dags[job.dag_id], may_run=job.dag_id in runnable) for job in JOBS if job.dag_id in dags],
        recovery=RecoveryStatus(**vars(recovery), may_run=RECOVERY in runnable) if recovery else None,
    )


@router.get("/job/{name}/parameters")
def get_job_parameters(name: str, user: GetUserDep) -> list[Parameter]:
    """The parameters of a job's manual runs, except those that make no difference to this job."""
    job = _find(name)
    _require_right_to_view(user, job.dag_id)
    return [parameter for parameter in job_parameters(job) if parameter.has_effect]


@router.get("/jobs/parameters")
def get_recovery_parameters(user: GetUserDep) -> list[Parameter]:
    """The parameters of a run of all jobs."""
    _require_right_to_view(user, RECOVERY)
    return list(recovery_parameters())


@router.put("/job/{name}", dependencies=[Depends(from_our_pages)])
def start_job(name: str, session: SessionDep, user: GetUserDep, body: RunBody = None) -> JSONResponse:
    """Start one job. name: the operators' name, in any case, or the DAG id."""
    job = _find(name)
    _require_right_to_run(user, job.dag_id)
    return _start(session, job.dag_id, conf_of(body, job_parameters(job)), user)


@router.put("/jobs", dependencies=[Depends(from_our_pages)])
def start_all(session: SessionDep, user: GetUserDep, body: RunBody = None) -> JSONResponse:
    """Start recovery: all jobs in order, one after the other."""
    _require_right_to_run(user, RECOVERY)
    return _start(session, RECOVERY, conf_of(body, recovery_parameters()), user)


@router.get("/indices")
def get_indices(user: GetUserDep) -> list[SearchState]:
    """The state of each search index, with the progress of its build."""
    visible = [each for each in INDEX_DEFINITIONS if may_view(user, build_job(each).dag_id)]
    if not visible:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "You may not view the jobs that build the search indices")
    try:
        return read_search_states(visible, timezone.utcnow())
    except (TransportError, ApiError) as error:
        log.warning("The state of the search indices could not be read: %s", error)
        what = error.message if isinstance(error, ApiError) else type(error).__name__
        reason = f"Elasticsearch does not answer as expected: {what}"
    except (SyncJobError, AirflowFailException) as error:
        reason = str(error)
    raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, reason)


def _find(name: str) -> Job:
    for job in JOBS:
        if name.lower() in (job.name.lower(), job.dag_id):
            return job
    raise JobNotFound


def _require_right_to_view(user: Any, dag_id: str) -> None:
    if not may_view(user, dag_id):
        raise HTTPException(status.HTTP_403_FORBIDDEN, f"You may not view {dag_id}: ask for view permission")


def _require_right_to_run(user: Any, dag_id: str) -> None:
    if not may_run(user, dag_id):
        raise HTTPException(status.HTTP_403_FORBIDDEN, f"You may not run {dag_id}: ask for permission to trigger it")


def _start(session: Any, dag_id: str, conf: dict[str, Any], user: Any) -> JSONResponse:
    try:
        run_id = start_once(session, dag_id, conf, user.get_name())
    except AlreadyRunning as error:
        return JSONResponse({"status": ALREADY_RUNNING, "run_id": str(error)}, status.HTTP_409_CONFLICT)
    except Paused:
        text = f"The DAG {dag_id} is paused: unpause it in Airflow, then try again. Nothing was started."
        return JSONResponse({"error": text}, status.HTTP_409_CONFLICT)
    except DagNotFound as error:
        text = f"{error}: its file is missing or cannot be imported. Nothing was started."
        return JSONResponse({"error": text}, status.HTTP_503_SERVICE_UNAVAILABLE)
    return JSONResponse({"status": JUST_STARTED, "run_id": run_id})
