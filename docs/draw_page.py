"""Takes the pictures of the page at /sync/ in docs/, from the histories of the tests.

    PYTHONPATH=plugins:. python docs/draw_page.py

Needs a browser, as the tests of the pages do.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

from tests.browser.browser import running_browser
from tests.browser.seeded_server import seeded_airflow

DOCS = Path(__file__).parent


class Picture(NamedTuple):
    """One file. history: its name in tests/browser/histories.py. height: None for the whole page."""

    file: str
    history: str
    width: int
    height: int | None
    scheme: Literal["light", "dark"] = "light"


PICTURES = (
    Picture("page.png", "guard rail", 1280, None),
    Picture("page-fine.png", "fine", 1280, 900),
    Picture("page-under-way.png", "under way", 1280, 900, "dark"),
    Picture("page-narrow.png", "failed", 360, 1400),
)


def main() -> None:
    """Write all pictures."""
    with (
        tempfile.TemporaryDirectory() as folder,
        seeded_airflow(Path(folder)) as airflow,
        running_browser() as browser,
    ):
        token = airflow.token("admin")
        for picture in PICTURES:
            airflow.seed(picture.history)
            size = {"width": picture.width, "height": picture.height or 900}
            with browser.new_context(viewport=size, color_scheme=picture.scheme, reduced_motion="reduce") as context:  # type: ignore[arg-type]
                context.add_cookies([{"name": "_token", "value": token, "url": airflow.url}])
                page = context.new_page()
                page.goto(f"{airflow.url}/sync/checks/persons")  # the page then shows the checks
                page.goto(f"{airflow.url}/sync/")
                page.screenshot(path=DOCS / picture.file, full_page=picture.height is None)


if __name__ == "__main__":
    main()
