"""The errors of the HTTP interface: every error is answered with {"error": text}."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request, status
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from sync_jobs.catalogue import JOBS
from sync_jobs.errors import BadArgument

JOB_NOT_FOUND = "Job not found"

log = logging.getLogger(__name__)


class JobNotFound(Exception):
    """No job has the name in the address."""


class MetadataFailed(Exception):
    """Airflow's database did not answer. The text says how."""


def install_error_handlers(app: FastAPI) -> None:
    """Add the handlers of all errors to the application."""
    app.add_exception_handler(JobNotFound, _job_not_found)
    app.add_exception_handler(BadArgument, _bad_argument)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(MetadataFailed, _no_metadata)
    app.add_exception_handler(SQLAlchemyError, _metadata_failed)
    app.add_exception_handler(Exception, _unexpected)


def _job_not_found(_: Request, __: Exception) -> JSONResponse:
    expected = [job.name for job in JOBS]
    return JSONResponse({"error": JOB_NOT_FOUND, "expected": expected}, status.HTTP_400_BAD_REQUEST)


def _bad_argument(_: Request, error: Exception) -> JSONResponse:
    # A given text may contain half of a surrogate pair, which cannot be encoded in an answer.
    text = str(error).encode(errors="backslashreplace").decode()
    return JSONResponse({"error": text}, status.HTTP_400_BAD_REQUEST)


def _invalid_request(_: Request, error: Any) -> JSONResponse:
    wrong = "; ".join(problem["msg"] for problem in error.errors())
    text = f"The request is not valid: {wrong}. Expected a JSON object, or no body. Nothing was started."
    return JSONResponse({"error": text}, status.HTTP_400_BAD_REQUEST)


def _refused(_: Request, error: Any) -> JSONResponse:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _no_metadata(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, status.HTTP_503_SERVICE_UNAVAILABLE)


def _metadata_failed(_: Request, error: Exception) -> JSONResponse:
    log.error("Airflow's metadata database failed", exc_info=error)
    return JSONResponse({"error": metadata_error(error)}, status.HTTP_503_SERVICE_UNAVAILABLE)


def metadata_error(error: Exception) -> str:
    """The text of the answer, without details."""
    return (
        f"Airflow's metadata database failed: {type(error).__name__}. If you tried to start or stop a run, check what "
        "became of it before you retry."
    )


def _unexpected(_: Request, error: Exception) -> JSONResponse:
    text = f"Unexpected error, {type(error).__name__}: see the log of Airflow's API server"
    return JSONResponse({"error": text}, status.HTTP_500_INTERNAL_SERVER_ERROR)
