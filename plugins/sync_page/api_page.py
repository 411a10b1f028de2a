"""The OpenAPI description of the HTTP interface, and the page that shows it. It loads nothing from other hosts."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment, FileSystemLoader

from sync_page.rendering import FOLDER

# FastAPI's own answer to a request that does not fit. This interface answers 400 instead (sync_page.errors).
_NOT_ANSWERED = "422"
_NOT_USED = ("HTTPValidationError", "ValidationError")

_DESCRIPTION = (
    "Status and starts of the nightly jobs. Log in as for Airflow's own REST API: a bearer token from /auth/token, or "
    'the cookie of the web interface. Every error is {"error": text}.'
)


def install_openapi(app: FastAPI) -> None:
    """Let the application describe exactly what it answers."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = description(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def description(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, without answers that are never given."""
    schema = get_openapi(title=app.title, version="1", description=_DESCRIPTION, routes=app.routes)
    for operations in schema["paths"].values():
        for operation in operations.values():
            operation["responses"].pop(_NOT_ANSWERED, None)
    for name in _NOT_USED:
        schema["components"]["schemas"].pop(name, None)
    return schema


def api_page(app: FastAPI) -> str:
    """The description as a page of HTML."""
    schema = app.openapi()
    operations = [
        {"path": path, "method": method.upper(), **operation}
        for path, by_method in schema["paths"].items()
        for method, operation in by_method.items()
    ]
    for operation in operations:
        operation["body"] = _schema_text(operation.get("requestBody", {}))
    template = _environment.get_template("api.html")
    return template.render(schema=schema, operations=operations, schema_text=_schema_text)


def _schema_text(described: dict[str, Any]) -> str:
    """The name of the schema of a body or of an answer; its definition if it has no name; empty for none."""
    schema = described.get("content", {}).get("application/json", {}).get("schema", {})
    reference = schema.get("$ref") or schema.get("items", {}).get("$ref", "")
    name = reference.rpartition("/")[2]
    if name:
        return f"list of {name}" if schema.get("type") == "array" else name
    return json.dumps(schema) if schema else ""


_environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True)
