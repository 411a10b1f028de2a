"""The schemas of the answers of the HTTP interface, and which errors each address can answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel

from sync_airflow.night.verdict import Verdict


class Error(BaseModel):
    """Every error. expected: the names that exist, if a name was wrong."""

    error: str
    expected: list[str] | None = None


class Started(BaseModel):
    """Whether a run was started. run_id: of the new run, or of the one that is under way."""

    status: Literal["Just started", "Already running"]
    run_id: str


class Stopped(BaseModel):
    """The ids of the runs that were stopped: of recovery also that of the job that it had started."""

    status: Literal["Stopped"]
    run_ids: list[str]


@dataclass(frozen=True, kw_only=True)
class Health:
    """The verdict for a monitor. done: how many of the jobs are done. healthy: nobody has to act."""

    healthy: bool
    verdict: Verdict
    run_date: date
    done: int
    jobs: int
    checked_at: datetime


_WHEN = {
    304: "Nothing has changed since the ETag that was given in If-None-Match",
    400: "The request is wrong; the text says what was expected. Nothing was started or stopped",
    401: "Not logged in",
    403: "The right to view, to start or to stop is missing, or another site made the request",
    409: "Not possible now: the DAG is paused, or there is nothing to stop. Nothing was started or stopped",
    415: "The body is not JSON",
    500: "An unexpected error: see the log of Airflow's API server",
    503: "A server that is needed does not answer",
}


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The errors of an address, for its OpenAPI description.

    All need a login, can fail unexpectedly, and fail while Airflow's database is down.
    """
    found: dict[int | str, dict[str, Any]] = {}
    for code in sorted({401, 500, 503, *codes}):
        found[code] = {"description": _WHEN[code]}
        if code != 304:
            found[code]["model"] = Error
    return found
