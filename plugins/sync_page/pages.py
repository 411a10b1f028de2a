"""The page of a night, and the login. It works without JavaScript.

The script of the page requests the same pages and updates what has changed. It sends the header X-Sync-Script, so that
a visitor who is not logged in gets the status 401 instead of a redirect to the login.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import get_user
from fastapi import APIRouter, Depends, HTTPException, Request, Response, status
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.exc import SQLAlchemyError

from sync_jobs.catalogue import JOBS
from sync_page import page_view, timeline
from sync_page.access import public_url
from sync_page.asgi import PREFIX
from sync_page.night_view import NightView, night_view
from sync_page.rendering import render
from sync_page.rights import Rights, rights_of
from sync_page.snapshot import Snapshot, snapshot

# What ?started= and ?stopped= can name besides a job, and the message for it.
STARTED = {
    "all": "All jobs have been started, in order.",
    "missing": "The missing jobs have been started, in order.",
    "rollback": "The rollback of search has been started.",
}

STOPPED = {"all": "The run of all jobs was stopped."}

NOBODY = Rights(user="", viewable=frozenset(), runnable=frozenset(), stoppable=frozenset())

router = APIRouter(include_in_schema=False)


class LoginNeeded(Exception):
    """The visitor is not logged in."""


async def visitor(request: Request) -> Any:
    """The user of the request. Raises LoginNeeded."""
    try:
        return await get_user(request, None, None)
    except HTTPException as error:
        if error.status_code not in (status.HTTP_401_UNAUTHORIZED, status.HTTP_403_FORBIDDEN):
            raise
        raise LoginNeeded from error


async def to_login(request: Request, _: Exception) -> Response:
    """Redirect to the login, and from there back to the page. The script of the page gets the status 401 instead."""
    if "x-sync-script" in request.headers:
        return Response(status_code=status.HTTP_401_UNAUTHORIZED)
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return RedirectResponse(
        get_auth_manager().get_url_login(next_url=public_url(request, f"{PREFIX}{path}")), status.HTTP_303_SEE_OTHER
    )


Visitor = Annotated[Any, Depends(visitor)]


@router.get("/")
async def night_page(request: Request, user: Visitor) -> Response:
    """The night of ?date=, by default the latest. ?started=: the name of what has just been started."""
    shown = await snapshot()
    rights = await _rights(shown, user)
    chosen, message = _chosen_night(request, shown), _message(request)
    root = request.scope.get("root_path", PREFIX)
    key = ("page", chosen, rights, message, root)
    if key not in shown.answers:  # visitors with the same rights share what has been made from a snapshot
        shown.answers[key] = page(night_view(shown, shown.night(chosen), rights), message, root)
    return HTMLResponse(shown.answers[key])


def page(view: NightView, message: str, root: str) -> str:
    """The page of a night. root: the path of this application as browsers see it."""
    steps = page_view.steps(view)
    return render(
        "night.html",
        root=root,
        view=view,
        title=page_view.title(view),
        poll=page_view.poll_seconds(view),
        steps=steps,
        run_missing=page_view.run_missing(view, steps),
        facts=page_view.facts(view),
        rows=[page_view.row(job) for job in view.jobs],
        timeline=timeline.timeline(view),
        message=message,
        log_path=page_view.log_path,
        run_path=page_view.run_path,
        stop_path=page_view.stop_path,
        built_by=page_view.built_by,
        london=page_view.london_note(view),
    )


async def _rights(shown: Snapshot, user: Any) -> Rights:
    try:
        return await rights_of(user)
    except SQLAlchemyError:
        if shown.facts.error is None:
            raise
        return NOBODY  # the rights are in the database that does not answer; the page shows only that


def _chosen_night(request: Request, shown: Snapshot) -> date | None:
    try:
        chosen = date.fromisoformat(request.query_params.get("date", ""))
    except ValueError:
        return None
    return chosen if shown.oldest <= chosen <= shown.latest else None


def _message(request: Request) -> str:
    started, stopped = request.query_params.get("started", ""), request.query_params.get("stopped", "")
    if stopped:
        return ({job.name: f"{job.name} was stopped." for job in JOBS} | STOPPED).get(stopped, "")
    return ({job.name: f"{job.name} has been started." for job in JOBS} | STARTED).get(started, "")
