"""Mounts the page in Airflow's API server. Every Airflow process reads it, so it imports little."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

PREFIX = "/sync"

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
