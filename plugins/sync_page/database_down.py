"""What the page answers while Airflow's database is down: nobody's rights are known, so it shows nothing but that."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from sync_airflow.night.facts import Facts
from sync_page import pages
from sync_page.app import HEADERS
from sync_page.asgi import PREFIX, Receive, Scope, Send
from sync_page.errors import metadata_error
from sync_page.night_view import night_view
from sync_page.rendering import render
from sync_page.snapshot import Snapshot, now

log = logging.getLogger(__name__)

STATUS = 503


async def answer_without_database(
    scope: Scope, receive: Receive, send: Send, error: SQLAlchemyError, path: str
) -> None:
    """Answer a request below the page's address. path: below that address."""
    log.error("Airflow's metadata database failed", exc_info=error)
    root = f"{scope.get('root_path', '')}{PREFIX}"
    text = metadata_error(error)
    response: Response
    if path.startswith("/api/"):
        response = JSONResponse({"error": text}, STATUS)
    elif path == "/":
        response = HTMLResponse(_page(error, root), STATUS)
    else:
        response = HTMLResponse(render("nothing.html", root=root, title="No answer", text=text), STATUS)
    response.headers.update(HEADERS)
    starlette_scope: Mapping[str, Any] = scope
    await response(dict(starlette_scope), receive, send)


def _page(error: SQLAlchemyError, root: str) -> str:
    taken = Snapshot(Facts(now=now(), error=f"Airflow's database failed ({type(error).__name__})"))
    return pages.page(night_view(taken, taken.night(), pages.NOBODY), "", root)
