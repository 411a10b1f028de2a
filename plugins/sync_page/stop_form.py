"""The form that stops a running job, or the run of all jobs. It is a page, and the content of the dialog."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, HTTPException, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from sync_airflow.dag_ids import RECOVERY
from sync_airflow.night.facts import RunFact
from sync_page import stopping
from sync_page.access import from_our_form, may_stop
from sync_page.asgi import PREFIX
from sync_page.forms import ALL, content_of, job_named
from sync_page.pages import Visitor
from sync_page.rendering import answer
from sync_page.rights import rights_of
from sync_page.snapshot import Snapshot, snapshot
from sync_page.stopping import NotRunning

# Fields of the form.
RUN_ID = "run_id"
REASON = "reason"

router = APIRouter(include_in_schema=False)


@router.get("/stop/{name}")
async def stop_form(request: Request, name: str, user: Visitor) -> Response:
    """Ask whether the active run is to be stopped."""
    dag_id, rights = _dag_id(name), await rights_of(user)
    if dag_id not in rights.stoppable:
        return _form(request, name, await snapshot(), 403, problem=lacks_right(rights.user, dag_id))
    return _form(request, name, await snapshot())


@router.post("/stop/{name}", dependencies=[Depends(from_our_form)])
async def stop(request: Request, name: str, user: Visitor) -> Response:
    """Stop the run that the form was about. A run that was started since then continues."""
    dag_id, content = _dag_id(name), await content_of(request)
    reason = content.get(REASON, "").strip()
    if not await run_in_threadpool(may_stop, user, dag_id):
        problem = lacks_right(user.get_name(), dag_id)
        return _form(request, name, await snapshot(), status.HTTP_403_FORBIDDEN, problem=problem, reason=reason)
    try:
        await run_in_threadpool(stopping.stop, dag_id, content.get(RUN_ID, ""), user, reason=reason)
    except NotRunning:
        text = "That run has ended already. Nothing was stopped."
        return answer(request, "nothing.html", status.HTTP_409_CONFLICT, title=_title(name), text=text)
    except HTTPException as error:
        return _form(request, name, await snapshot(), error.status_code, problem=error.detail, reason=reason)
    root = request.scope.get("root_path", PREFIX)
    return RedirectResponse(f"{root}/?stopped={quote(name, safe='')}", status.HTTP_303_SEE_OTHER)


def lacks_right(user_name: str, dag_id: str) -> str:
    """Which right is missing."""
    return f"You may not stop this: {user_name} lacks the right to edit runs of the DAG {dag_id} in Airflow."


def _dag_id(name: str) -> str:
    return RECOVERY if name == ALL else job_named(name).dag_id


def _title(name: str) -> str:
    return "Stop the run of all jobs" if name == ALL else f"Stop {name}"


def _form(
    request: Request, name: str, taken: Snapshot, code: int = 200, *, problem: str = "", reason: str = ""
) -> Response:
    run = active_run(taken, _dag_id(name))
    if run is None:
        text = "It is not running, so there is nothing to stop."
        return answer(request, "nothing.html", status.HTTP_404_NOT_FOUND, title=_title(name), text=text)
    values: dict[str, Any] = {"run": run, "is_all": name == ALL, "reason": reason, "running": None}
    return answer(request, "stop.html", code, name=name, title=_title(name), problem=problem, **values)


def active_run(taken: Snapshot, dag_id: str) -> RunFact | None:
    """The run of that DAG that is running or, without one, queued and due."""
    runs = [run for run in taken.facts.active if run.dag_id == dag_id]
    return min(runs, key=lambda run: (run.state != "running", run.run_after), default=None)
