"""The application at /sync/: the page itself, its files, and the HTTP interface behind it."""

from pathlib import Path

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import get_user
from airflow.configuration import conf
from fastapi import FastAPI, HTTPException, Request, Response, status
from fastapi.responses import FileResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint

from sync_page.asgi import PREFIX
from sync_page.errors import install_error_handlers
from sync_page.interface import router

STATIC = Path(__file__).parent / "static"

# Headers of every answer. The page loads nothing from elsewhere, and no other page may embed it. Browsers revalidate
# their copies, including the scripts: scripts of two versions would not work together.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

# No documentation pages: they would load scripts from elsewhere.
app = FastAPI(title="Nightly sync", docs_url=None, redoc_url=None)
app.include_router(router)
install_error_handlers(app)
app.mount("/static", StaticFiles(directory=STATIC), name="static")


@app.middleware("http")
async def add_headers(request: Request, answer: RequestResponseEndpoint) -> Response:
    """Add HEADERS to every answer."""
    response = await answer(request)
    response.headers.update(HEADERS)
    return response


def _public_url(request: Request) -> str:
    """The page's address as users type it: a proxy in front may have another scheme, host and port."""
    base = conf.get("api", "base_url", fallback="")
    return f"{base.rstrip('/')}{PREFIX}/" if base else str(request.url)


@app.get("/", include_in_schema=False)
async def page(request: Request) -> Response:
    """The page, or a redirect to the login for a visitor who is not logged in."""
    try:
        await get_user(request, None, None)
    except HTTPException as error:
        if error.status_code not in (status.HTTP_401_UNAUTHORIZED, status.HTTP_403_FORBIDDEN):
            raise
        return RedirectResponse(get_auth_manager().get_url_login(next_url=_public_url(request)))
    return FileResponse(STATIC / "page.html")
