"""The application at /sync/: the pages, their files, and the HTTP interface behind them."""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint

from sync_page import pages
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
app.include_router(pages.router)
install_error_handlers(app)
app.add_exception_handler(pages.LoginNeeded, pages.to_login)
app.mount("/static", StaticFiles(directory=STATIC), name="static")


@app.middleware("http")
async def add_headers(request: Request, answer: RequestResponseEndpoint) -> Response:
    """Add HEADERS to every answer."""
    response = await answer(request)
    response.headers.update(HEADERS)
    return response
