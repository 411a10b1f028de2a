"""Mounts the page in Airflow's API server. Every Airflow process reads it, so it imports little."""

import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

PREFIX = "/sync"

# Of every answer of Airflow that does not say itself who may embed it: only its own pages, as its UI does.
FRAMES = ((b"content-security-policy", b"frame-ancestors 'self'"), (b"x-frame-options", b"SAMEORIGIN"))

# Addresses of the page for which Airflow need not look up a cookie.
NEED_NO_LOGIN = (f"{PREFIX}/static/", f"{PREFIX}/api/health")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class LazyPage:
    """The application of sync_page.app, imported on the first request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from sync_page.app import app  # noqa: PLC0415

        await app(scope, receive, send)


class AddSlash:
    """Redirects /sync to /sync/. Airflow's own page would answer /sync, because the application serves only /sync/."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = scope.get("root_path", "")
        if scope["type"] != "http" or scope["path"].removeprefix(root) != PREFIX:
            await self._app(scope, receive, send)
            return
        headers = [(b"location", f"{root}{PREFIX}/".encode()), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


class RefuseFrames:
    """No page of another site may embed a page of Airflow: a visitor could be tricked into clicking its buttons."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if not any(name.lower() == FRAMES[0][0] for name, _ in headers):
                    message["headers"] = [*headers, *FRAMES]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class SayThatDatabaseIsDown:
    """Answers for the page while Airflow's database does not.

    Airflow looks up the cookie of every request in its database, before any plugin sees the request, and would answer
    "Internal Server Error". So this class puts itself around Airflow's own middleware when the server starts.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            stack: Any = getattr(scope.get("app"), "middleware_stack", None)  # the outermost one, which answers errors
            if hasattr(stack, "app") and not isinstance(stack.app, _AroundAirflow):
                stack.app = _AroundAirflow(stack.app)
                threading.Thread(target=_import_page, name="import of the page", daemon=True).start()
        await self._app(scope, receive, send)


def _import_page() -> None:
    """While the server starts, so that the first visitor does not wait for it."""
    import sync_page.app  # noqa: F401, PLC0415


class _AroundAirflow:
    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or not path.startswith(f"{PREFIX}/"):
            await self._app(scope, receive, send)
            return
        if path.startswith(NEED_NO_LOGIN):
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
        has_answered = False

        async def noting_send(message: MutableMapping[str, Any]) -> None:
            nonlocal has_answered
            has_answered = True
            await send(message)

        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415, only the API server needs it

        try:
            await self._app(scope, receive, noting_send)
        except SQLAlchemyError as error:
            if has_answered:
                raise
            from sync_page.database_down import answer_without_database  # noqa: PLC0415

            await answer_without_database(scope, receive, send, error, path.removeprefix(PREFIX))
