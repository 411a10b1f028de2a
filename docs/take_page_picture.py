"""Takes docs/page.png, a screenshot of the page at /sync/ of the local stack, after all jobs have run.

make run
PYTHONPATH=plugins:. .venv/bin/python docs/take_page_picture.py

Needs a browser, as `make test-browser` does: docs/reference/local-stack.md, "Environment variables".
"""

import json
import os
from pathlib import Path

from playwright.sync_api import expect

from local.settings import read_settings
from tests.browser.browser import logged_in, running_browser

PICTURE = Path(__file__).with_name("page.png")


def take_picture(picture: Path) -> None:
    """Save the whole page as PNG. Raises FileNotFoundError if the local stack is not running."""
    stack = json.loads((read_settings(os.environ).home / "stack.json").read_text(encoding="utf-8"))
    with (
        running_browser() as browser,
        logged_in(browser, stack["airflow_url"], "UTC", stack["user"], stack["password"]) as context,
        context.new_page() as page,
    ):
        page.goto("/sync/")
        expect(page.locator("#jobs tbody tr").first).to_be_visible()
        expect(page.locator("#indices dl").first).to_be_visible()
        page.screenshot(path=picture, full_page=True)


if __name__ == "__main__":
    take_picture(PICTURE)
