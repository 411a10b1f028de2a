"""Renders the templates. Values are always escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sync_airflow.night import sentences
from sync_jobs.catalogue import JOBS
from sync_page import words
from sync_page.asgi import PREFIX
from sync_page.index_checks import SAMPLE

FOLDER = Path(__file__).parent / "templates"

_environment = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FILTERS = (
    words.minute,
    words.clock,
    words.clock_seconds,
    sentences.day,
    words.number,
    words.capital,
    words.duration,
    words.roughly,
    words.jobs,
    words.changes,
    words.counts,
    words.percentage,
    words.breakable,
)
_environment.filters.update({each.__name__: each for each in _FILTERS})
_environment.globals.update(
    CHECKS=words.CHECKS,
    JOBS=JOBS,
    SAMPLE=SAMPLE,
    STATES=words.STATES,
    SYMBOLS=words.SYMBOLS,
    STARTED_BY=words.STARTED_BY,
    named=words.named,
)


def render(template: str, *, root: str, **values: Any) -> str:
    """The text of a template. root: the path of this application as browsers see it, such as /sync."""
    airflow = root.removesuffix(PREFIX)
    return _environment.get_template(template).render(root=root, airflow=airflow, **values)


def answer(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page as the answer to a request."""
    return HTMLResponse(render(template, root=request.scope.get("root_path", PREFIX), **values), status)
