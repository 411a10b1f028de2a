"""The HTTP interface behind the page, for scripts too: the status of all jobs, and starting one or all.

Its addresses and its answers "Just started", "Already running" and "Job not found" are those of the service that
ran before, so that a script of an operator needs a new address and a login, and no more.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.exceptions import DagNotFound
from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowFailException
from elastic_transport import TransportError
from elasticsearch import ApiError
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException as AnyHTTPException

from sync_airflow.dag_ids import RECOVERY
from sync_jobs.catalogue import JOBS, Job, find_job
from sync_jobs.errors import BadArgument, SyncJobError
from sync_page.access import from_our_pages, may_run, may_view
from sync_page.search_state import SearchState, read_search_state
from sync_page.starting import (
    AlreadyRunning,
    JobArguments,
    Paused,
    RecoveryArguments,
    check_date_override,
    start_once,
)
from sync_page.status import JobStatus, RecoveryStatus, job_status, read_dags

JUST_STARTED = "Just started"
ALREADY_RUNNING = "Already running"
JOB_NOT_FOUND = "Job not found"

INDEX_JOB = find_job("PersonElasticSearchSyncJob").dag_id

log = logging.getLogger(__name__)
router = APIRouter(prefix="/api")


@dataclass(frozen=True, kw_only=True)
class Status:
    """now: UTC, ISO. jobs: those that the user may see, in table order. recovery: None if that is hidden."""

    now: str
    user: str
    jobs: list[JobStatus]
    recovery: RecoveryStatus | None


@router.get("/jobs/status")
def get_status(session: SessionDep, user: GetUserDep) -> Status:
    """How all jobs are."""
    now = timezone.utcnow()
    visible = [dag_id for dag_id in (*(job.dag_id for job in JOBS), RECOVERY) if may_view(user, dag_id)]
    if not visible:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "You may not see these jobs: ask for the right to view runs")
    # Asked before the session takes a connection: each question takes another for itself, and with many visitors at
    # once none would be left to answer it.
    runnable = {dag_id for dag_id in visible if may_run(user, dag_id)}
    dags = read_dags(session, visible, now)
    recovery = dags.pop(RECOVERY, None)
    return Status(
        now=now.isoformat(),
        user=user.get_name(),
        jobs=[job_status(job, dags[job.dag_id], may_run=job.dag_id in runnable) for job in JOBS if job.dag_id in dags],
        recovery=RecoveryStatus(**vars(recovery), may_run=RECOVERY in runnable) if recovery else None,
    )


@router.put("/job/{name}", dependencies=[Depends(from_our_pages)])
def start_job(name: str, session: SessionDep, user: GetUserDep, arguments: JobArguments | None = None) -> JSONResponse:
    """Start one job, by the operators' name, in capitals or not, or by the id of its DAG."""
    job = _find(name)
    if job is None:
        return JSONResponse({"error": JOB_NOT_FOUND, "expected": [job.name for job in JOBS]}, status.HTTP_404_NOT_FOUND)
    arguments = arguments or JobArguments()
    _require_right_to_run(user, job.dag_id)
    check_date_override(job, arguments)
    return _start(session, job.dag_id, arguments.conf(), user)


@router.put("/jobs", dependencies=[Depends(from_our_pages)])
def start_all(session: SessionDep, user: GetUserDep, arguments: RecoveryArguments | None = None) -> JSONResponse:
    """Start all jobs, one after the other in order: recovery."""
    _require_right_to_run(user, RECOVERY)
    return _start(session, RECOVERY, (arguments or RecoveryArguments()).conf(), user)


@router.get("/index")
def get_index(user: GetUserDep) -> SearchState:
    """The search index, and how far a build of it is."""
    if not may_view(user, INDEX_JOB):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "You may not see the job that builds the index")
    try:
        return read_search_state(timezone.utcnow())
    except (TransportError, ApiError) as error:
        log.warning("The state of the search index could not be read: %s", error)
        what = error.message if isinstance(error, ApiError) else type(error).__name__
        reason = f"Elasticsearch does not answer as expected: {what}"
    except (SyncJobError, AirflowFailException) as error:
        reason = str(error)
    raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, reason)


def _find(name: str) -> Job | None:
    return next((job for job in JOBS if name.lower() in (job.name.lower(), job.dag_id)), None)


def _require_right_to_run(user: Any, dag_id: str) -> None:
    if not may_run(user, dag_id):
        raise HTTPException(status.HTTP_403_FORBIDDEN, f"You may not run {dag_id}: ask for the right to trigger it")


def _start(session: Any, dag_id: str, conf: dict[str, Any], user: Any) -> JSONResponse:
    try:
        run_id = start_once(session, dag_id, conf, user.get_name())
    except AlreadyRunning as error:
        return JSONResponse({"status": ALREADY_RUNNING, "run_id": str(error)}, status.HTTP_409_CONFLICT)
    except Paused:
        text = f"The DAG {dag_id} is paused: unpause it in Airflow, then start it again. Nothing was started."
        return JSONResponse({"error": text}, status.HTTP_409_CONFLICT)
    except DagNotFound as error:
        text = f"{error}: its file is missing or cannot be imported. Nothing was started."
        return JSONResponse({"error": text}, status.HTTP_503_SERVICE_UNAVAILABLE)
    return JSONResponse({"status": JUST_STARTED, "run_id": run_id})


def install(app: FastAPI) -> None:
    """The interface, and how it says that something was wrong: always {"error": text}."""
    app.include_router(router)
    app.add_exception_handler(BadArgument, _bad_argument)
    app.add_exception_handler(RequestValidationError, _not_as_expected)
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(SQLAlchemyError, _metadata_failed)
    app.add_exception_handler(Exception, _not_foreseen)


def _bad_argument(_: Request, error: Exception) -> JSONResponse:
    # What was given may have half of a surrogate pair, which no answer can hold.
    text = str(error).encode(errors="backslashreplace").decode()
    return JSONResponse({"error": text}, status.HTTP_400_BAD_REQUEST)


def _not_as_expected(request: Request, error: Any) -> JSONResponse:
    model = RecoveryArguments if request.scope["endpoint"] is start_all else JobArguments
    wrong = "; ".join(": ".join([*map(str, problem["loc"][1:]), problem["msg"]]) for problem in error.errors())
    text = f"{wrong}. Expected a JSON object with some of {', '.join(model.model_fields)}. Nothing was started."
    return JSONResponse({"error": text}, status.HTTP_400_BAD_REQUEST)


def _refused(_: Request, error: Any) -> JSONResponse:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _metadata_failed(_: Request, error: Exception) -> JSONResponse:
    log.error("Airflow's metadata database did not answer as expected", exc_info=error)
    text = (
        f"Airflow's metadata database does not answer as expected: {type(error).__name__}. If a run was to be started, "
        "look whether it is there before you ask again."
    )
    return JSONResponse({"error": text}, status.HTTP_503_SERVICE_UNAVAILABLE)


def _not_foreseen(_: Request, error: Exception) -> JSONResponse:
    text = f"An error that was not foreseen, {type(error).__name__}: the log of Airflow's API server has it"
    return JSONResponse({"error": text}, status.HTTP_500_INTERNAL_SERVER_ERROR)
