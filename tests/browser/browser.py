"""Finds an installed browser and drives it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, expect, sync_playwright

from tests.browser.seeded_server import SeededAirflow
from tests.waiting import PATIENCE_SECONDS

VARIABLE = "SYNC_BROWSER"
# The headless shell has no parts for windows, so it takes less processor time.
COMMANDS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SCREEN: ViewportSize = {"width": 1400, "height": 1000}

PATIENCE_MILLISECONDS = 1000 * PATIENCE_SECONDS
SHORT_PATIENCE_MILLISECONDS = PATIENCE_MILLISECONDS / 10


def find_browser() -> str:
    """The path of the browser: from SYNC_BROWSER, or the first one that is installed. Fails without a browser."""
    asked = os.environ.get(VARIABLE)
    found = [path for command in ([asked] if asked else COMMANDS) if (path := shutil.which(command))]
    if found:
        return found[0]
    what = f"{VARIABLE}={asked} is not a program" if asked else f"none of these is installed: {', '.join(COMMANDS)}"
    pytest.fail(
        f"The tests of the pages need a browser, and {what}. Install one (on Debian: "
        f"apt install chromium-headless-shell), or name it: {VARIABLE}=/path/to/chrome",
        pytrace=False,
    )


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A headless browser."""
    path = find_browser()
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    # As root, as in a container, Chromium refuses to run with its sandbox. It opens only our own pages.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def logged_in(browser: Browser, url: str, zone: str, user: str, password: str) -> Iterator[BrowserContext]:
    """The browser with that user logged in through Airflow's form. zone: the time zone of the browser."""
    with browser.new_context(base_url=url, timezone_id=zone, viewport=SCREEN, reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        with context.new_page() as page:
            page.goto("/")
            page.get_by_label("Username").fill(user)
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(lambda address: "/auth/" not in address)
        yield context


@contextmanager
def short_waits() -> Iterator[None]:
    """For pages that wait for no scheduler: a failure need not take long."""
    expect.set_options(timeout=SHORT_PATIENCE_MILLISECONDS)
    try:
        yield
    finally:
        expect.set_options(timeout=PATIENCE_MILLISECONDS)


def logged_in_by_token(
    browser: Browser, seeded: SeededAirflow, role: str, *, javascript: bool = True
) -> BrowserContext:
    """The browser with a user of that role, by the cookie of a server with seeded histories."""
    context = browser.new_context(base_url=seeded.url, reduced_motion="reduce", java_script_enabled=javascript)
    context.set_default_timeout(SHORT_PATIENCE_MILLISECONDS)
    context.add_cookies([{"name": "_token", "value": seeded.token(role), "url": seeded.url}])
    return context


@contextmanager
def new_page(context: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    """An empty page. complaints: the list to which its errors are added."""
    with context.new_page() as page:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: note_error(message, complaints))
        yield page


def note_error(message: ConsoleMessage, complaints: list[str]) -> None:
    if message.type == "error":
        complaints.append(f"{message.text} ({message.location['url']})")
