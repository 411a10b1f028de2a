"""The pages for people: the night, and the forms that start a run. They work without JavaScript.

The script of the page asks for the same pages, and takes over what has changed. It names itself in the header
X-Sync-Script: then a visitor who is not logged in gets the status 401 in place of a redirect to the login.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import get_user
from airflow.exceptions import DagNotFound
from airflow.sdk import timezone
from airflow.utils.session import create_session
from fastapi import APIRouter, Depends, HTTPException, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import SQLAlchemyError

from sync_airflow.dag_ids import RECOVERY
from sync_airflow.night.facts import RunFact
from sync_jobs.catalogue import JOBS, Job
from sync_jobs.errors import BadArgument
from sync_jobs.parameters import LIMITS, Parameter, job_parameters, recovery_parameters
from sync_page import page_view, run_forms, timeline
from sync_page.access import from_our_form, public_url
from sync_page.asgi import PREFIX
from sync_page.night_view import JobView, NightView, night_view
from sync_page.rendering import answer
from sync_page.rights import Rights, rights_of
from sync_page.snapshot import Snapshot, forget, snapshot
from sync_page.starting import AlreadyRunning, Paused, start_once
from sync_page.words import clock

ALL = "all"
CONFIRMATION = "confirmation"

# No form has longer content.
LONGEST_FORM = 10_000

NOBODY = Rights(user="", viewable=frozenset(), runnable=frozenset())

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
    """To the login and back; the script of the page is told by a status."""
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
    view = night_view(shown, shown.night(_chosen_night(request, shown)), rights)
    return answer(
        request,
        "night.html",
        view=view,
        title=page_view.title(view),
        poll=page_view.poll_seconds(view),
        steps=page_view.steps(view),
        facts=page_view.facts(view),
        rows=[page_view.row(job) for job in view.jobs],
        timeline=timeline.timeline(view),
        message=_message(request),
        log_path=page_view.log_path,
        run_path=page_view.run_path,
    )


async def _rights(shown: Snapshot, user: Any) -> Rights:
    try:
        return await rights_of(user)
    except SQLAlchemyError:
        if shown.facts.error is None:
            raise
        return NOBODY  # the database that knows the rights does not answer either; nothing is shown but that


def _chosen_night(request: Request, shown: Snapshot) -> date | None:
    try:
        chosen = date.fromisoformat(request.query_params.get("date", ""))
    except ValueError:
        return None
    return chosen if chosen <= shown.latest else None


def _message(request: Request) -> str:
    started = request.query_params.get("started", "")
    known = {job.name: f"{job.name} has been started." for job in JOBS} | {ALL: "All jobs have been started, in order."}
    return known.get(started, "")


@dataclass(frozen=True, kw_only=True)
class _Target:
    """What a form starts. name: of a job, or ALL."""

    name: str
    dag_id: str
    title: str
    summary: str
    parameters: tuple[Parameter, ...]


def _target(name: str) -> _Target:
    if name == ALL:
        return _Target(
            name=ALL,
            dag_id=RECOVERY,
            title=f"Run all {len(JOBS)} jobs",
            summary="One after the other, in the order of the table, even those that are done. If a job fails, the "
            "jobs that need its result are skipped; the others still run.",
            parameters=recovery_parameters(),
        )
    job = _job(name)
    parameters = tuple(parameter for parameter in job_parameters(job) if parameter.has_effect)
    return _Target(
        name=job.name, dag_id=job.dag_id, title=f"Run {job.name}", summary=job.summary, parameters=parameters
    )


def _job(name: str) -> Job:
    for job in JOBS:
        if name == job.name:
            return job
    raise HTTPException(status.HTTP_404_NOT_FOUND, "Job not found")


@router.get("/run/{name}")
async def run_form(request: Request, name: str, user: Visitor) -> Response:
    """The form that starts a job, or all. The query fills in fields."""
    target = _target(name)
    problem = _missing_right(await rights_of(user), target.dag_id)
    filled = run_forms.blank(target.parameters, request.query_params)
    return _form(request, target, filled, status.HTTP_403_FORBIDDEN if problem else 200, problem=problem)


@router.post("/run/{name}", dependencies=[Depends(from_our_form)])
async def run(request: Request, name: str, user: Visitor) -> Response:
    """Start it, or show the form with what is wrong."""
    target = _target(name)
    today = timezone.utcnow().date()
    try:
        filled = run_forms.check(target.parameters, await _content(request), today)
    except BadArgument as error:
        blank = run_forms.blank(target.parameters, {})
        return _form(request, target, blank, status.HTTP_400_BAD_REQUEST, problem=str(error))
    if not filled.is_ready:
        return _form(request, target, filled, status.HTTP_400_BAD_REQUEST)
    code, problem, running = await _start(target, dict(filled.conf), user)
    if code == status.HTTP_200_OK:
        return _back(request, target.name)
    return _form(request, target, filled, code, problem=problem, running=running)


@router.get("/allow/{name}")
async def allowance_form(request: Request, name: str, user: Visitor) -> Response:
    """The form that runs a job once with a limit that just allows what its guard rail has stopped."""
    return await _allowance(request, _job(name), user)


@router.post("/allow/{name}", dependencies=[Depends(from_our_form)])
async def allow(request: Request, name: str, user: Visitor) -> Response:
    """Start it with that limit, if the number was typed."""
    job, content = _job(name), await _content(request)
    shown = await snapshot()
    stop = _stopped(shown, await rights_of(user), job)
    if stop is None or stop.guard_rail is None:
        return await _allowance(request, job, user)
    expected = str(stop.guard_rail.removed)
    typed = content.get(CONFIRMATION, "").replace(",", "").replace(" ", "")
    if typed != expected or content.get("removed") != expected:
        error = f"Type the number {stop.guard_rail.removed:,} to confirm. Nothing was started."
        return await _allowance(request, job, user, error=error, typed=content.get(CONFIRMATION, ""))
    conf = dict.fromkeys(LIMITS, stop.guard_rail.just_enough) | {"run_date": shown.latest.isoformat()}
    code, problem, running = await _start(_target(job.name), conf, user)
    if code == status.HTTP_200_OK:
        return _back(request, job.name)
    return await _allowance(request, job, user, code=code, problem=problem, running=running)


async def _allowance(request: Request, job: Job, user: Any, *, code: int = 200, **texts: Any) -> Response:
    rights = await rights_of(user)
    stopped = _stopped(await snapshot(), rights, job)
    if texts.get("error"):
        code = status.HTTP_400_BAD_REQUEST
    values = {"error": "", "typed": "", "problem": "", "running": None} | texts
    values["problem"] = values["problem"] or _missing_right(rights, job.dag_id)
    values["running"] = values["running"] and _running(values["running"])
    return answer(request, "allowance.html", code, job=job, stop=stopped and stopped.guard_rail, **values)


def _stopped(shown: Snapshot, rights: Rights, job: Job) -> JobView | None:
    """The job in the latest night, if its guard rail has stopped it there and the user may view it."""
    view: NightView = night_view(shown, shown.night(), rights)
    return next((each for each in view.jobs if each.name == job.name and each.guard_rail), None)


async def _content(request: Request) -> dict[str, str]:
    body = await request.body()
    if len(body) > LONGEST_FORM:
        raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, "The form is too long")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _missing_right(rights: Rights, dag_id: str) -> str:
    if dag_id in rights.runnable:
        return ""
    return f"You may not start this: {rights.user} lacks the right to create runs of the DAG {dag_id} in Airflow."


async def _start(target: _Target, conf: dict[str, Any], user: Any) -> tuple[int, str, RunFact | None]:
    """Status, what is wrong, and the run that is already active."""
    problem = _missing_right(await rights_of(user), target.dag_id)
    if problem:
        return status.HTTP_403_FORBIDDEN, problem, None

    def start() -> None:
        with create_session(scoped=False) as session:
            start_once(session, target.dag_id, conf, user.get_name())

    try:
        await run_in_threadpool(start)
    except AlreadyRunning as error:
        return status.HTTP_409_CONFLICT, "", await _active_run(target.dag_id, str(error))
    except Paused:
        text = f"The DAG {target.dag_id} is paused: unpause it in Airflow, then try again. Nothing was started."
        return status.HTTP_409_CONFLICT, text, None
    except DagNotFound as error:
        text = f"{error}: its file is missing or cannot be imported. Nothing was started."
        return status.HTTP_503_SERVICE_UNAVAILABLE, text, None
    except BadArgument as error:
        return status.HTTP_400_BAD_REQUEST, str(error), None
    forget()
    return status.HTTP_200_OK, "", None


async def _active_run(dag_id: str, run_id: str) -> RunFact:
    forget()
    runs = (await snapshot()).facts.runs
    found = next((run for run in runs if (run.dag_id, run.run_id) == (dag_id, run_id)), None)
    unknown = datetime.now(UTC)
    return found or RunFact(
        job=dag_id,
        dag_id=dag_id,
        run_id=run_id,
        state="queued",
        started_by="manual",
        own_date=unknown.date(),
        run_date=None,
        run_after=unknown,
    )


def _form(
    request: Request,
    target: _Target,
    filled: run_forms.Filled,
    code: int,
    *,
    problem: str = "",
    running: RunFact | None = None,
) -> Response:
    return answer(
        request,
        "run.html",
        code,
        target=target,
        filled=filled,
        fields=[field for field in filled.fields if not run_forms.hidden_until_needed(field, filled)],
        choices=run_forms.CHOICES,
        other_date=run_forms.OTHER_DATE,
        is_follow_on=run_forms.is_follow_on,
        problem=problem,
        running=running and _running(running),
    )


def _running(run: RunFact) -> dict[str, str]:
    """Since when, by whom, and the path of the run in Airflow."""
    return {
        "since": clock(run.started or run.run_after),
        "user": run.user or "Airflow",
        "path": f"dags/{run.dag_id}/runs/{quote(run.run_id, safe='')}",
    }


def _back(request: Request, started: str) -> Response:
    root = request.scope.get("root_path", PREFIX)
    return RedirectResponse(f"{root}/?started={quote(started, safe='')}", status.HTTP_303_SEE_OTHER)
