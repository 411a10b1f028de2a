"""The application at /sync/: the page itself, its files, and the HTTP interface behind it."""

from pathlib import Path

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import get_user
from fastapi import FastAPI, HTTPException, Request, Response, status
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint

from sync_page import interface, night_interface
from sync_page.access import public_url
from sync_page.api_page import api_page, install_openapi
from sync_page.asgi import PREFIX
from sync_page.errors import install_error_handlers

STATIC = Path(__file__).parent / "static"

# Headers of every answer. The page loads nothing from elsewhere, and no other page may embed it. Browsers revalidate
# their copies, including the scripts: scripts of two versions would not work together.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

# FastAPI's own documentation pages would load scripts from elsewhere; api/ shows the description instead.
app = FastAPI(title="Nightly sync", docs_url=None, redoc_url=None)
app.include_router(interface.router)
app.include_router(night_interface.router)
install_error_handlers(app)
install_openapi(app)
app.mount("/static", StaticFiles(directory=STATIC), name="static")


@app.middleware("http")
async def add_headers(request: Request, answer: RequestResponseEndpoint) -> Response:
    """Add HEADERS to every answer."""
    response = await answer(request)
    response.headers.update(HEADERS)
    return response


@app.get("/api/", include_in_schema=False)
def show_api() -> HTMLResponse:
    """The description of the HTTP interface, for people. It says nothing about this installation, so needs no login."""
    return HTMLResponse(api_page(app))


@app.get("/", include_in_schema=False)
async def page(request: Request) -> Response:
    """The page, or a redirect to the login for a visitor who is not logged in."""
    try:
        await get_user(request, None, None)
    except HTTPException as error:
        if error.status_code not in (status.HTTP_401_UNAUTHORIZED, status.HTTP_403_FORBIDDEN):
            raise
        return RedirectResponse(get_auth_manager().get_url_login(next_url=public_url(request, f"{PREFIX}/")))
    return FileResponse(STATIC / "page.html")
