"""The forms that start a run, and the checks of the search index. Each is a page, and the content of the dialog."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowFailException
from fastapi import APIRouter, Depends, HTTPException, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from sync_airflow.dag_ids import RECOVERY
from sync_airflow.night.facts import RunFact
from sync_jobs.catalogue import JOBS, Job
from sync_jobs.errors import BadArgument, SyncJobError
from sync_jobs.index_definitions import find_definition
from sync_jobs.parameter_names import RUN_DATE
from sync_jobs.parameters import Parameter, job_parameters, recovery_parameters
from sync_page import run_forms, starting
from sync_page.access import from_our_form, may_run
from sync_page.arguments import split_jobs
from sync_page.asgi import PREFIX
from sync_page.forms import ALL, content_of, job_named
from sync_page.index_checks import shared_checks
from sync_page.night_view import IndexView, JobView, SearchView, night_view
from sync_page.pages import Visitor
from sync_page.rendering import answer
from sync_page.rights import Rights, rights_of
from sync_page.shared_read import NoAnswer
from sync_page.snapshot import Snapshot, forget, snapshot
from sync_page.starting import AlreadyRunning
from sync_page.words import being_built, clock, jobs, named, path_in_airflow

# The name of the form that starts the jobs that are missing.
MISSING = "missing"

# Fields that are not parameters.
CONFIRMATION = "confirmation"
JOBS_FIELD = "jobs"
REASON = "reason"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a form starts. name: of a job, ALL or MISSING. jobs: of MISSING, the names of the jobs to run."""

    name: str
    dag_id: str
    title: str
    summary: str
    parameters: tuple[Parameter, ...]
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of an attempt to start a run. problem: why it failed. running: the run that is already active."""

    code: int = status.HTTP_200_OK
    problem: str = ""
    running: RunFact | None = None

    @property
    def is_started(self) -> bool:
        """A run was started."""
        return self.code == status.HTTP_200_OK


@router.get("/run/{name}")
async def run_form(request: Request, name: str, user: Visitor) -> Response:
    """The form that starts a job, all jobs, or the missing ones. The query fills in fields."""
    target, rights = _target(name), await rights_of(user)
    if name == MISSING:
        taken = await snapshot()
        view = night_view(taken, taken.night(), rights)
        target = _missing(tuple(view.missing))
        if not view.missing:
            return answer(request, "nothing.html", title=target.title, text="No job of the latest night is missing.")
    filled = run_forms.blank(target.parameters, request.query_params)
    problem = _missing_right(rights, target.dag_id)
    code = status.HTTP_403_FORBIDDEN if problem else status.HTTP_200_OK
    return _form(request, target, filled, Outcome(code=code, problem=problem))


@router.post("/run/{name}", dependencies=[Depends(from_our_form)])
async def run(request: Request, name: str, user: Visitor) -> Response:
    """Start it, or show the form with what is wrong."""
    target, content = _target(name), await content_of(request)
    try:
        only: dict[str, Any] = {}
        if name == MISSING:
            target = _missing(tuple(filter(None, content.get(JOBS_FIELD, "").split(","))))
            _, only = split_jobs({"jobs": list(target.jobs)})
        filled = run_forms.check(target.parameters, content, timezone.utcnow().date())
    except BadArgument as error:
        outcome = Outcome(code=status.HTTP_400_BAD_REQUEST, problem=str(error))
        return _form(request, target, run_forms.blank(target.parameters, {}), outcome)
    if not filled.is_ready:
        return _form(request, target, filled, Outcome(code=status.HTTP_400_BAD_REQUEST))
    outcome = await _start(target.dag_id, {**filled.conf, **only}, user)
    return _back(request, name) if outcome.is_started else _form(request, target, filled, outcome)


@router.get("/allow/{name}")
async def allowance_form(request: Request, name: str, user: Visitor) -> Response:
    """The form that runs a job once with a limit that just allows what its guard rail has stopped."""
    return await _allowance(request, job_named(name), user)


@router.post("/allow/{name}", dependencies=[Depends(from_our_form)])
async def allow(request: Request, name: str, user: Visitor) -> Response:
    """Start it with that limit, if the number was typed."""
    job, content = job_named(name), await content_of(request)
    taken = await snapshot()
    stopped = _stopped(taken, await rights_of(user), job)
    if stopped is None or stopped.guard_rail is None:
        return await _allowance(request, job, user)
    stop, typed = stopped.guard_rail, content.get(CONFIRMATION, "")
    if {typed.replace(",", "").replace(" ", ""), content.get("removed")} != {str(stop.removed)}:
        error = f"Type the number {stop.removed:,} to confirm. Nothing was started."
        outcome = Outcome(code=status.HTTP_400_BAD_REQUEST)
        return await _allowance(request, job, user, outcome, error=error, typed=typed)
    conf = {**stop.limits, RUN_DATE: taken.latest.isoformat()}
    outcome = await _start(job.dag_id, conf, user)
    return _back(request, job.name) if outcome.is_started else await _allowance(request, job, user, outcome)


@router.get("/rollback/{index}")
async def rollback_form(request: Request, index: str, user: Visitor) -> Response:
    """The form that puts a kept index behind the alias."""
    return await _rollback(request, index, user)


@router.post("/rollback/{index}", dependencies=[Depends(from_our_form)])
async def roll_back(request: Request, index: str, user: Visitor) -> Response:
    """Start the rollback, if a reason was given."""
    content, rights = await content_of(request), await rights_of(user)
    search, found = _kept(await snapshot(), rights, index)
    reason, is_dry = content.get(REASON, "").strip(), content.get("dry_run") == "on"
    values: dict[str, Any] = {"reason": reason, "is_dry": is_dry}
    if search is None or found is None or found.direction is None:
        return await _rollback(request, index, user)
    if search.build and search.build.is_running:
        problem = being_built(search.build.name)
        return await _rollback(request, index, user, Outcome(code=409, problem=problem), **values)
    if not reason and not is_dry:
        error = "Give the reason for the rollback. Nothing was started."
        return await _rollback(request, index, user, Outcome(code=400), error=error, **values)
    conf = {"direction": found.direction, "dry_run": is_dry}
    outcome = await _start(search.rollback, conf, user, reason)
    return (
        _back(request, "rollback") if outcome.is_started else await _rollback(request, index, user, outcome, **values)
    )


@router.get("/checks/{alias}")
async def checks(request: Request, alias: str, user: Visitor) -> Response:
    """Check the live index of an alias now. It writes nothing; several visitors share one check."""
    taken = await snapshot()
    title = named("Checks of search", alias)
    if alias not in {each.alias for each in night_view(taken, taken.night(), await rights_of(user)).search}:
        return answer(request, "nothing.html", 403, title=title, text="You may not view this search index.")
    try:
        checked = await shared_checks(find_definition(alias)).get()
    except NoAnswer as error:
        problem = f"The checks could not be made: {error}."
    except (SyncJobError, AirflowFailException) as error:
        problem = str(error)
    else:
        return answer(request, "checks.html", title=title, checked=checked)
    return answer(request, "nothing.html", 503, title=title, text=problem)


def _target(name: str) -> Target:
    if name == MISSING:
        return _missing(())
    if name == ALL:
        return Target(
            name=ALL,
            dag_id=RECOVERY,
            title=f"Run all {len(JOBS)} jobs",
            summary="One after the other, in the order of the table, even those that are done. If a job fails, the "
            "jobs that need its result are skipped; the others still run.",
            parameters=recovery_parameters(),
        )
    job = job_named(name)
    parameters = tuple(parameter for parameter in job_parameters(job) if parameter.has_effect)
    return Target(name=job.name, dag_id=job.dag_id, title=f"Run {job.name}", summary=job.summary, parameters=parameters)


def _missing(names: tuple[str, ...]) -> Target:
    return replace(
        _target(ALL),
        name=MISSING,
        title=f"Run the {len(names)} missing jobs" if len(names) != 1 else "Run the missing job",
        summary=f"These {jobs(len(names))}, one after the other: {', '.join(names)}. If one fails, the jobs that need "
        "its result are skipped.",
        jobs=names,
    )


def _stopped(taken: Snapshot, rights: Rights, job: Job) -> JobView | None:
    """The job in the latest night, if the guard rail has stopped it and the user may view it."""
    view = night_view(taken, taken.night(), rights)
    return next((each for each in view.jobs if each.name == job.name and each.guard_rail), None)


def _kept(taken: Snapshot, rights: Rights, name: str) -> tuple[SearchView | None, IndexView | None]:
    """The kept index of that name, after the state of the search index that it belongs to."""
    searches = night_view(taken, taken.night(), rights).search
    found = ((search, index) for search in searches for index in search.kept if index.name == name)
    return next(found, (None, None))


def _missing_right(rights: Rights, dag_id: str) -> str:
    return "" if dag_id in rights.runnable else _lacks_right(rights.user, dag_id)


def _lacks_right(user_name: str, dag_id: str) -> str:
    return f"You may not start this: {user_name} lacks the right to create runs of the DAG {dag_id} in Airflow."


async def _start(dag_id: str, conf: dict[str, Any], user: Any, reason: str = "") -> Outcome:
    if not await run_in_threadpool(may_run, user, dag_id):  # the rights that the page shows may be seconds old
        return Outcome(code=status.HTTP_403_FORBIDDEN, problem=_lacks_right(user.get_name(), dag_id))
    try:
        await run_in_threadpool(starting.start, dag_id, conf, user, reason=reason)
    except AlreadyRunning as error:
        return Outcome(code=status.HTTP_409_CONFLICT, running=await _active_run(dag_id, str(error)))
    except HTTPException as error:
        return Outcome(code=error.status_code, problem=error.detail)
    except BadArgument as error:
        return Outcome(code=status.HTTP_400_BAD_REQUEST, problem=str(error))
    return Outcome()


async def _active_run(dag_id: str, run_id: str) -> RunFact:
    forget()
    runs = (await snapshot()).facts.runs
    found = next((run for run in runs if (run.dag_id, run.run_id) == (dag_id, run_id)), None)
    now = datetime.now(UTC)
    return found or RunFact(
        job=dag_id,
        dag_id=dag_id,
        run_id=run_id,
        state="queued",
        started_by="manual",
        own_date=now.date(),
        run_date=None,
        run_after=now,
    )


def _form(request: Request, target: Target, filled: run_forms.Filled, outcome: Outcome) -> Response:
    return answer(
        request,
        "run.html",
        outcome.code,
        target=target,
        filled=filled,
        fields=[field for field in filled.fields if not run_forms.hidden_until_needed(field, filled)],
        choices=run_forms.CHOICES,
        other_date=run_forms.OTHER_DATE,
        is_follow_on=run_forms.is_follow_on,
        confirmation=run_forms.CONFIRMATION,
        **_problem(outcome),
    )


async def _allowance(
    request: Request, job: Job, user: Any, outcome: Outcome | None = None, *, error: str = "", typed: str = ""
) -> Response:
    rights = await rights_of(user)
    stopped = _stopped(await snapshot(), rights, job)
    outcome = outcome or Outcome(problem=_missing_right(rights, job.dag_id))
    return answer(
        request,
        "allowance.html",
        outcome.code,
        job=job,
        stop=stopped and stopped.guard_rail,
        error=error,
        typed=typed,
        **_problem(outcome),
    )


async def _rollback(
    request: Request,
    name: str,
    user: Any,
    outcome: Outcome | None = None,
    *,
    error: str = "",
    reason: str = "",
    is_dry: bool = False,
) -> Response:
    rights = await rights_of(user)
    search, index = _kept(await snapshot(), rights, name)
    title = "Roll back search"
    if search is None or index is None or index.direction is None:
        text = "A rollback can only use the index built just before the live one, or just after it, not this one."
        return answer(request, "nothing.html", 404, title=title, text=text)
    outcome = outcome or Outcome(problem=_missing_right(rights, search.rollback))
    shown = {"alias": search.alias, "index": index, "live": search.live}
    filled = {"error": error, "reason": reason, "is_dry": is_dry}
    return answer(request, "rollback.html", outcome.code, **shown, **filled, **_problem(outcome))


def _problem(outcome: Outcome) -> dict[str, Any]:
    """For the template: why nothing was started, and the run that is active already."""
    run = outcome.running
    running = run and {
        "since": clock(run.started or run.run_after),
        "user": run.user or "Airflow",
        "path": path_in_airflow(run.dag_id, run.run_id),
    }
    return {"problem": outcome.problem, "running": running}


def _back(request: Request, started: str) -> Response:
    root = request.scope.get("root_path", PREFIX)
    return RedirectResponse(f"{root}/?started={quote(started, safe='')}", status.HTTP_303_SEE_OTHER)
