"""How the page hangs in Airflow's API server. Imports nothing, since each process reads its plugins, tasks too."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

PREFIX = "/sync"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class LazyPage:
    """The application of sync_page.app, imported at the first request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from sync_page.app import app  # noqa: PLC0415

        await app(scope, receive, send)


class AddSlash:
    """Sends /sync on to /sync/: the application is not asked for the former, and Airflow's own page would answer."""

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
