"""Addresses for scripts and monitors: a night as one snapshot, who did what, the search index, and the health."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import date as RunDate
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowFailException
from fastapi import APIRouter, Depends, Header, HTTPException, Query, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel, TypeAdapter
from starlette.concurrency import run_in_threadpool

from sync_airflow.night.facts import SearchFact
from sync_airflow.search_state import read_search
from sync_jobs.catalogue import build_job
from sync_jobs.errors import BadArgument, SyncJobError
from sync_jobs.index_definitions import INDEX_DEFINITIONS, find_definition
from sync_jobs.run_dates import parse_date
from sync_jobs.search.definition import IndexDefinition
from sync_page.access import from_our_pages, may_view
from sync_page.answers import Health, Started, errors
from sync_page.errors import MetadataFailed
from sync_page.index_checks import Checked, shared_checks
from sync_page.interface import require_right_to_run, require_right_to_view, require_something_visible, start
from sync_page.night_view import DeedView, NightView, deeds, direction_to, night_view
from sync_page.rights import Rights, rights_of
from sync_page.shared_read import NoAnswer
from sync_page.snapshot import Snapshot, snapshot
from sync_page.words import being_built

# Fields that change with every request although nothing has happened. Left out of the ETag.
_NO_NEWS: Any = {"checked_at": True, "search": {"__all__": {"age_seconds"}}, "components": {"__all__": {"seen"}}}
_SCHEMA = TypeAdapter(NightView)

log = logging.getLogger(__name__)
router = APIRouter(prefix="/api")


class Rollback(BaseModel):
    """index: the name of the kept index that is to go live. reason: kept in the note of the run."""

    index: str
    reason: str = ""
    dry_run: bool = False


@dataclass(frozen=True)
class Answer:
    """An answer of api/night: its JSON and its ETag."""

    body: bytes
    etag: str


@router.get("/night", response_model=NightView, responses=errors(304, 400, 403))
async def get_night(
    user: GetUserDep,
    date: Annotated[str | None, Query(description="The run date, YYYY-MM-DD; without it, the latest night")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The night of a run date: its verdict, its jobs, the search index, and who did what. One snapshot for everything.

    If Airflow's database does not answer, the verdict is "unknown".
    """
    wanted = parse_date(date) if date else None
    rights = await rights_of(user)
    require_something_visible(rights.viewable)
    taken = await snapshot()
    if wanted and not taken.oldest <= wanted <= taken.latest:
        raise BadArgument(f"date: expected a night from {taken.oldest} to {taken.latest}, got {wanted}")
    answer = night_answer(taken, wanted, rights)
    headers = {"ETag": answer.etag}
    if if_none_match and answer.etag in [each.strip() for each in if_none_match.split(",")]:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(answer.body, media_type="application/json", headers=headers)


def night_answer(taken: Snapshot, wanted: RunDate | None, rights: Rights) -> Answer:
    """Made once for each snapshot, night and set of rights."""
    key = (wanted, rights)
    if key not in taken.answers:
        view = night_view(taken, taken.night(wanted), rights)
        etag = hashlib.sha256(_SCHEMA.dump_json(view, exclude=_NO_NEWS)).hexdigest()[:20]
        taken.answers[key] = Answer(_SCHEMA.dump_json(view), f'"{etag}"')
    answer: Answer = taken.answers[key]
    return answer


@router.get("/runs", responses=errors(403))
async def get_runs(user: GetUserDep) -> list[DeedView]:
    """Who did what: the last 20 manual runs and other changes, newest first."""
    rights = await rights_of(user)
    require_something_visible(rights.viewable)
    taken = await snapshot()
    if taken.facts.error:
        raise MetadataFailed(taken.facts.error)
    return deeds(taken, rights)


@router.get("/health", response_model=Health, responses={503: {"model": Health, "description": "Somebody has to act"}})
async def get_health() -> JSONResponse:
    """The verdict of the latest night, for monitors: 200 if nobody has to act, 503 otherwise. Needs no login.

    It names no person and no reason.
    """
    taken = await snapshot()
    night = taken.night()
    health = Health(
        healthy=night.is_healthy,
        verdict=night.verdict,
        run_date=night.run_date,
        done=sum(job.is_done for job in night.jobs),
        jobs=len(night.jobs),
        checked_at=taken.facts.now,
    )
    code = status.HTTP_200_OK if night.is_healthy else status.HTTP_503_SERVICE_UNAVAILABLE
    return JSONResponse(TypeAdapter(Health).dump_python(health, mode="json"), code)


@router.get("/indices", responses=errors(403))
def get_indices(user: GetUserDep) -> list[SearchFact]:
    """The state of each search index, with the progress of its build.

    An index whose state cannot be read says why in "error". If that is so for all, the answer is 503.
    """
    visible = [each for each in INDEX_DEFINITIONS if may_view(user, build_job(each).dag_id)]
    if not visible:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "You may not view the jobs that build the search indices")
    found = read_search(visible, timezone.utcnow())
    if all(each.error for each in found):
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, found[0].error)
    return list(found)


@router.put("/index/{alias}/checks", dependencies=[Depends(from_our_pages)], responses=errors(400, 403, 415))
async def check_now(alias: str, user: GetUserDep) -> Checked:
    """Check the live index now: it is alone behind the alias, accepts writes, and agrees with PostgreSQL.

    It writes nothing. Several requests at the same time share one check.
    """
    definition = _definition(alias)
    await run_in_threadpool(require_right_to_view, user, build_job(definition).dag_id)
    try:
        return await shared_checks(definition).get()
    except NoAnswer as error:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, f"The checks could not be made: {error}") from error
    except (SyncJobError, AirflowFailException) as error:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, str(error)) from error


@router.put(
    "/index/{alias}/rollback",
    dependencies=[Depends(from_our_pages)],
    response_model=Started,
    responses=errors(400, 403, 409, 415),
)
async def roll_back(alias: str, wanted: Rollback, user: GetUserDep) -> JSONResponse:
    """Start a rollback of search to a kept index: the one built before the live one, or the one built after it."""
    definition = _definition(alias)
    await run_in_threadpool(require_right_to_run, user, definition.rollback_name)
    if not wanted.dry_run and not wanted.reason.strip():
        raise BadArgument(
            "reason: expected the reason for the rollback, which is kept with the run. Nothing was started."
        )
    search = next((each for each in (await snapshot()).facts.search if each.alias == alias), None)
    if search is None or search.error:
        why = search.error if search else "its state is not known"
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, f"The search index cannot be rolled back: {why}")
    if search.build and search.build.is_running:
        raise HTTPException(status.HTTP_409_CONFLICT, being_built(search.build.name))
    direction = direction_to(search, wanted.index)
    if direction is None:
        text = (
            f"index: expected the index built just before or just after the live one, got {wanted.index}. To go "
            "further, roll back one index at a time. Nothing was started."
        )
        raise BadArgument(text)
    conf: dict[str, Any] = {"direction": direction, "dry_run": wanted.dry_run}
    return await run_in_threadpool(start, definition.rollback_name, conf, user, reason=wanted.reason.strip())


def _definition(alias: str) -> IndexDefinition:
    try:
        return find_definition(alias)
    except KeyError as error:
        expected = ", ".join(definition.alias for definition in INDEX_DEFINITIONS)
        raise BadArgument(f"alias: expected one of {expected}, got {alias}") from error
