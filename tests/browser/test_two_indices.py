"""The page at /sync/ with a second search index: evidence, checks, kept indices and rollback for each."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.browser import new_page, short_waits
from tests.browser.histories import TWO_INDICES
from tests.browser.seeded_server import SeededAirflow, seeded_airflow
from tests.browser.test_night_page import look, outside, violations

LIVE = "posts-20261126t030000-000000"
NEWER = "posts-20261127t030000-000000"


@pytest.fixture(scope="module")
def seeded(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeededAirflow]:  # noqa: ARG001
    with short_waits(), seeded_airflow(tmp_path_factory.mktemp("two"), second_index=True) as server:
        yield server


@pytest.fixture
def view(admin: BrowserContext, seeded: SeededAirflow, complaints: list[str]) -> Iterator[Page]:
    """The page of that history."""
    with new_page(admin, complaints) as page:
        look(page, seeded, TWO_INDICES)
        yield page


def test_each_index_has_a_section_of_its_own_and_the_verdict_names_the_one_that_is_rolled_back(view: Page) -> None:
    expect(view.get_by_role("heading", level=1)).to_contain_text(
        "All 9 jobs are done, but the search index posts was rolled back to 03:00 yesterday by admin."
    )
    expect(view.locator("#fact-search-persons")).to_contain_text("Search is as of (persons)")
    expect(view.locator("#fact-search-persons")).to_contain_text("2026-11-27 01:29 UTC")
    expect(view.locator("#fact-search-posts")).to_contain_text("2026-11-26 03:00 UTC")
    persons = view.get_by_role("region", name="Search index persons", exact=True)
    expect(persons).to_contain_text("200,360 documents")
    expect(persons.get_by_role("link", name="Roll back to this… persons-20261126t012900-000000")).to_be_visible()
    posts = view.get_by_role("region", name="Search index posts", exact=True)
    expect(posts).to_contain_text("58,790 documents")
    expect(posts).to_contain_text("50 posts as in PostgreSQL")
    expect(posts).to_contain_text("Built by the code that runs now, with the same index definition.")
    expect(posts.get_by_role("link")).to_have_text([re.compile("Check now"), re.compile("Roll forward to this…")])
    expect(view.locator(".deeds li").first).to_contain_text("admin: rollback of search posts")


def test_a_rollback_of_the_second_index_moves_no_other(view: Page, seeded: SeededAirflow) -> None:
    view.get_by_role("link", name=f"Roll forward to this… {NEWER}").click()
    dialog = view.get_by_role("dialog", name="Roll forward to the search index posts of 2026-11-27 03:00")
    expect(dialog).to_contain_text("2026-11-26 03:00 UTC, run date 2026-11-26, 58,790 documents")
    dialog.get_by_label("Reason").fill("repaired")
    dialog.get_by_role("button", name="Roll forward").click()
    expect(view.get_by_role("status")).to_have_text("The rollback of search has been started.")
    (run,) = seeded.started()
    assert (run["dag_id"], run["conf"]) == ("posts_index_rollback", {"direction": "forward", "dry_run": False})


def test_each_index_is_checked_alone(view: Page) -> None:
    view.get_by_role("link", name="Check now (search posts)").click()
    dialog = view.get_by_role("dialog", name="Checks of search posts")
    expect(dialog).to_contain_text(f"{LIVE} is behind the alias posts.")
    dialog.get_by_role("link", name="Back").click()
    expect(view.locator("#search-posts .checks li")).to_have_count(4)
    expect(view.locator("#search-persons .checks li")).to_have_count(0)


def test_the_page_of_two_indices_fits_every_width_and_axe_finds_nothing(view: Page) -> None:
    for width in (320, 1024, 1440):
        view.set_viewport_size({"width": width, "height": 900})
        assert outside(view) == [], width
    assert violations(view) == []


def test_the_interface_answers_with_both_indices(view: Page, seeded: SeededAirflow) -> None:
    def get(path: str) -> Any:
        return view.request.get(f"{seeded.url}/sync/api/{path}").json()

    night = get("night")
    assert [(each["alias"], each["is_rolled_back"], each["problem"]) for each in night["search"]] == [
        ("persons", False, ""),
        ("posts", True, ""),
    ]
    health = get("health")
    assert (health["verdict"], health["healthy"], health["jobs"]) == ("rolled back", True, 9)
