"""The application at /sync/: the pages, their files, and the HTTP interface behind them."""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint

from sync_page import form_pages, interface, night_interface, pages, stop_form
from sync_page.api_page import api_page, install_openapi
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
app.include_router(pages.router)
app.include_router(form_pages.router)
app.include_router(stop_form.router)
install_error_handlers(app)
app.add_exception_handler(pages.LoginNeeded, pages.to_login)
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
    """The description of the HTTP interface as a page. It is the same in every installation, so it needs no login."""
    return HTMLResponse(api_page(app))
