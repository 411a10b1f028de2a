"""The page at /sync/ on seeded histories of nights: verdict, advice, actions, sizes, accessibility, lost servers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from tests.browser.browser import logged_in_by_token, new_page, short_waits
from tests.browser.histories import EMPLOYING, FUNDING, HISTORIES, OWNER, SEARCH
from tests.browser.seeded_server import SeededAirflow, seeded_airflow

AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
DASH = "\N{EN DASH}"
WIDTHS = (320, 768, 1024, 1440)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
FORMS = (
    "run/PersonRecordStatusJob?dry_run=on",
    "run/missing",
    f"allow/{EMPLOYING}",
    "rollback/persons-20261125t012900-000000",
)


@dataclass(frozen=True)
class Expected:
    """What a history shows. actions: the name of each link that the page offers -> the title of the form it opens."""

    title: str
    sentence: str
    advice: tuple[str, ...] = ()
    actions: Mapping[str, str] = field(default_factory=dict)


ROLL_BACK = "Roll back to this… persons-20261126t012900-000000"
ROLL_BACK_TO_25TH = "Roll back to this… persons-20261125t012900-000000"
TO_26TH = "Roll back to the search index of 2026-11-26 01:29"
TO_25TH = "Roll back to the search index of 2026-11-25 01:29"

EXPECTED = {
    "fine": Expected(
        "✓ Fine",
        "Last night was fine. All 8 jobs were done by 02:04 UTC; search is as of 01:29 today.",
        actions={ROLL_BACK: TO_26TH},
    ),
    "late": Expected(
        "✕ Late",
        "PersonOwnerRebuildJob should have started at 00:05 and has not. One other job is late too.",
        ("PersonOwnerRebuildJob is late: it should have started at 00:05 and has not.", "Run it."),
        {
            f"Dry run first… of {OWNER}": f"Run {OWNER}",
            f"Dry run first… of {EMPLOYING}": f"Run {EMPLOYING}",
            "Run the 2 missing jobs…": "Run the 2 missing jobs",
        },
    ),
    "failed": Expected(
        "✕ Needs you",
        "Last night needs you: 3 of 8 jobs are not done.",
        (
            f"{EMPLOYING} failed at 00:09: Expected the application's tables, but public.placement is a view",
            "Put the schema of the tables first in the search_path of the role",  # the run-book
        ),
        {
            "Run the 3 missing jobs…": "Run the 3 missing jobs",
            f"Dry run first… of {EMPLOYING}": f"Run {EMPLOYING}",
            ROLL_BACK_TO_25TH: TO_25TH,
        },
    ),
    "nothing ran": Expected(
        "✕ Nothing ran",
        "No job ran last night.",
        ("The scheduler of Airflow is not running.", "After that, run all jobs: they do the work of this night."),
        {"Run all 8 jobs…": "Run the 8 missing jobs"},
    ),
    "restored": Expected("✓ Repaired", "Fine now: one job failed at 01:45, but admin repaired it by 07:07 UTC"),
    "rolled back": Expected(
        "! Search is rolled back",
        "All 8 jobs are done, but search was rolled back to 01:29 yesterday by admin.",
        actions={
            "Roll forward to this… persons-20261127t012900-000000": (
                "Roll forward to the search index of 2026-11-27 01:29"
            )
        },
    ),
    "guard rail": Expected(
        "✕ Needs you",
        "Last night needs you: 3 of 8 jobs are not done.",
        (
            "it would remove 505,520 of 505,520 in person_trust (EMPLOYING), and 101,104 are allowed (limit 20 %)",
            "Check its source: is a table empty or broken",
        ),
        {
            "Run the 3 missing jobs…": "Run the 3 missing jobs",
            f"Dry run first… of {EMPLOYING}": f"Run {EMPLOYING}",
            "Allow 505,520 once…": f"Run {EMPLOYING} once with a higher limit",
        },
    ),
    "under way": Expected(
        "▶ Under way",
        "The night is under way: 5 of 8 done, PersonElasticSearchSyncJob at 71 %, about 2 min left.",
        actions={f"Stop… {SEARCH}": f"Stop {SEARCH}?", f"Run… {SEARCH}": f"Run {SEARCH}"},
    ),
    "elasticsearch down": Expected(
        "✕ Needs you",
        "Last night needs you: all 8 jobs are done, but the state of search is not known",
        ("Elasticsearch does not answer (ConnectionError).", "Make sure that Elasticsearch answers"),
    ),
    "database down": Expected(
        "? Unknown",
        "It is not known how the night went: Airflow's database failed (OperationalError).",
        ("The database of Airflow does not answer.", "Make sure that it runs and accepts connections."),
    ),
}


@pytest.fixture(scope="module")
def seeded(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeededAirflow]:  # noqa: ARG001
    with short_waits(), seeded_airflow(tmp_path_factory.mktemp("seeded")) as server:
        yield server


@pytest.fixture
def view(admin: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    """An empty page of the administrator."""
    with new_page(admin, complaints) as page:
        yield page


def look(page: Page, seeded: SeededAirflow, history: str, path: str = "") -> None:
    seeded.seed(history)
    page.goto(f"/sync/{path}")


def row(page: Page, name: str) -> Locator:
    return page.locator(f"[data-job={name}]")


def run_link(page: Page, name: str) -> Locator:
    """The link that opens the form of a job."""
    return row(page, name).locator("a.button").first


def forget_refusals(complaints: list[str]) -> None:
    """The browser logs every status of 400 and more."""
    complaints[:] = [each for each in complaints if not re.search(r"status of [45]\d\d|ERR_FAILED", each)]


def violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds. rules: only these; by default all of WCAG 2.2 AA."""
    page.evaluate(f"window.axe || (() => {{ {AXE} }})()")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = page.evaluate("only => axe.run({runOnly: only})", rules or tags)["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]


def test_every_history_is_expected_here() -> None:
    assert set(EXPECTED) == set(HISTORIES)


@pytest.mark.parametrize("history", HISTORIES)
def test_every_history_has_its_verdict_advice_and_actions_at_every_size_in_light_and_dark(
    view: Page, seeded: SeededAirflow, history: str, complaints: list[str]
) -> None:
    expected = EXPECTED[history]
    look(view, seeded, history)
    expect(view).to_have_title(f"{expected.title} {DASH} Nightly sync")
    icon = {"✓": "good", "✕": "bad", "!": "warning", "▶": "busy", "?": "unknown"}[expected.title[0]]
    expect(view.locator("#icon")).to_have_attribute("href", f"/sync/static/icon-{icon}.svg")
    assert (view.request.get(f"{seeded.url}/sync/static/icon-{icon}.svg")).ok
    heading = view.get_by_role("heading", level=1)
    expect(heading).to_contain_text(expected.sentence)
    for text in expected.advice:
        expect(view.locator(".steps")).to_contain_text(text)
    if not expected.advice:
        expect(view.locator(".steps")).to_have_count(0)
    for name, title in expected.actions.items():
        view.get_by_role("link", name=name, exact=True).first.click()
        expect(view.get_by_role("dialog").get_by_role("heading", name=title, exact=True)).to_be_visible()
        view.get_by_role("dialog").locator("[data-close]").click()
    for details in view.locator("main details").all():
        details.evaluate("each => each.open = true")
    for scheme in SCHEMES:
        view.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            view.set_viewport_size({"width": width, "height": 900})
            view.evaluate("scrollTo(0, 0)")
            assert outside(view) == [], (scheme, width)
            expect(heading).to_be_in_viewport()
        assert violations(view, None if scheme == "light" else ["color-contrast"]) == []
    forget_refusals(complaints)


def outside(page: Page) -> list[str]:
    """What is not in the window from left to right: links that are buttons, headings, advice; or the page itself."""
    found: list[str] = page.evaluate(
        """() => {
          const width = document.documentElement.clientWidth;
          const wide = document.documentElement.scrollWidth > width ? ["the page"] : [];
          const parts = [...document.querySelectorAll("a.button, h1, h2, .steps p, #jobs td, #jobs th")];
          const bad = parts.filter((each) => {
            const box = each.getBoundingClientRect();
            return box.width > 1 && (box.left < 0 || box.right > width + 1);
          });
          return [...wide, ...bad.map((each) => each.textContent.trim())];
        }"""
    )
    return found


@pytest.mark.parametrize("path", FORMS)
def test_the_forms_fit_and_axe_finds_nothing(view: Page, seeded: SeededAirflow, path: str) -> None:
    look(view, seeded, "guard rail", path)
    for width in (320, 1024):
        view.set_viewport_size({"width": width, "height": 900})
        assert view.evaluate("document.documentElement.scrollWidth") <= width, width
    assert violations(view) == []


def test_what_to_do_names_the_root_cause_and_folds_the_others_under_it(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "failed")
    (step,) = view.locator(".steps > li").all()
    expect(step).to_contain_text(f"{EMPLOYING} failed at 00:09: Expected the application's tables")
    expect(step).to_contain_text("Put the schema of the tables first in the search_path of the role")  # the run-book
    expect(step.get_by_text(SEARCH)).not_to_be_visible()
    step.get_by_text("2 jobs did not run because of it").click()
    expect(step.get_by_text(SEARCH)).to_be_visible()
    expect(row(view, SEARCH)).to_contain_text("Not run")


def test_one_button_runs_exactly_what_is_missing(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "failed")
    view.get_by_role("link", name="Run the 3 missing jobs…").click()
    dialog = view.get_by_role("dialog", name="Run the 3 missing jobs")
    expect(dialog).to_contain_text(f"{EMPLOYING}, PersonPlacementTrainingBodyTrustJob, {SEARCH}.")
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(view.get_by_role("status")).to_have_text("The missing jobs have been started, in order.")
    (run,) = seeded.started()
    assert run["dag_id"] == "recovery"
    assert run["conf"]["only_jobs"] == [
        "person_placement_employing_body_trust_job",
        "person_placement_training_body_trust_job",
        "person_elastic_search_sync_job",
    ]
    assert (run["user"], run["note"]) == ("admin", "Started by admin from /sync/.")


def test_when_nothing_ran_the_page_says_what_is_not_running_and_offers_all_jobs(
    view: Page, seeded: SeededAirflow
) -> None:
    look(view, seeded, "nothing ran")
    expect(view.locator(".steps")).to_contain_text("No run of this night has started.")
    view.get_by_role("link", name="Run all 8 jobs…").first.click()
    expect(view.get_by_role("dialog")).to_contain_text("These 8 jobs")


def test_a_guard_rail_stop_can_be_allowed_once_behind_a_typed_confirmation(
    view: Page, seeded: SeededAirflow, complaints: list[str]
) -> None:
    look(view, seeded, "guard rail")
    expect(view.locator(".steps")).to_contain_text(
        "it would remove 505,520 of 505,520 in person_trust (EMPLOYING), and 101,104 are allowed (limit 20 %)"
    )
    view.get_by_role("link", name="Allow 505,520 once…").click()
    dialog = view.get_by_role("dialog")
    typed = dialog.get_by_label("Type 505,520 to confirm")
    with view.expect_response(lambda answer: answer.status == 400):
        dialog.get_by_role("button", name="Run once").click()
    expect(typed).to_be_focused()
    expect(typed).to_have_attribute("aria-invalid", "true")
    assert seeded.started() == []
    typed.fill("505,520")
    dialog.get_by_role("button", name="Run once").click()
    expect(view.get_by_role("status")).to_have_text(f"{EMPLOYING} has been started.")
    (run,) = seeded.started()
    assert run["conf"] == {"maximum_removed_percent": 100.0, "run_date": "2026-11-27"}
    forget_refusals(complaints)


def test_a_dry_run_is_a_line_of_its_own(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "guard rail")
    expect(row(view, OWNER).locator(".badge")).to_have_text(re.compile("Done"))
    expect(row(view, OWNER).locator(".dry")).to_have_text(
        "Dry run at 07:12 by admin wrote nothing; it found 12 changed of 200,000."
    )


def test_the_four_facts(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "guard rail")
    facts = view.locator(".facts")
    expect(facts).to_contain_text("2026-11-26 01:29 UTC")
    expect(facts).to_contain_text("30 h 1 min old, limit 24 h")
    expect(facts.locator("#fact-running")).to_contain_text("Nothing")
    expect(facts.locator("#fact-next")).to_contain_text("2026-11-28 00:05 UTC")
    expect(facts.locator("#fact-checked")).to_contain_text("07:30:00 UTC")


def test_each_job_has_its_last_14_nights_as_labelled_links(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "guard rail")
    labels = row(view, EMPLOYING).locator(".night").all_text_contents()
    assert len(labels) == 14
    assert "Fri 2026-11-27: failed" in labels[-1]
    assert "Mon 2026-11-16: not run" in labels[2]
    row(view, EMPLOYING).get_by_role("link", name="Mon 2026-11-16: not run").click()
    expect(view.get_by_role("heading", name="The night of Mon 2026-11-16", exact=True)).to_be_visible()
    view.get_by_role("link", name="2026-11-17").first.click()
    expect(view.get_by_role("heading", level=1)).to_contain_text("The night of Tue 2026-11-17")
    expect(view.locator(".steps")).to_have_count(0)


def test_an_earlier_night_offers_no_runs_and_is_marked_among_the_last_14(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "failed", "?date=2026-11-22")
    expect(view.get_by_role("heading", level=1)).to_contain_text("The night of Sun 2026-11-22 was not complete")
    expect(view.get_by_role("link", name=re.compile("^Run"))).to_have_count(0)
    expect(row(view, OWNER).locator("[aria-current]")).to_have_attribute("title", "Sun 2026-11-22: failed")


def test_the_timeline_has_a_table_with_the_same_facts(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "guard rail")
    expect(view.locator(".picture .bar.failed")).to_have_count(1)
    expect(view.locator(".picture .bar.missing")).to_have_count(2)
    view.get_by_text("The night as a table").click()
    cells = view.get_by_role("row", name=re.compile(f"^{OWNER} 00:05")).get_by_role("cell").all_inner_texts()
    assert cells == ["00:05", DASH, "00:05", "00:10", "5 min 12 s", "5 min 12 s", "1", "done"]


def test_a_rollback_asks_for_a_reason_and_names_both_indices(
    view: Page, seeded: SeededAirflow, complaints: list[str]
) -> None:
    look(view, seeded, "fine")
    view.get_by_role("link", name="Roll back to this…").click()
    dialog = view.get_by_role("dialog")
    expect(dialog).to_contain_text("2026-11-27 01:29 UTC, run date 2026-11-27, 200,360 documents")
    expect(dialog).to_contain_text("2026-11-26 01:29 UTC, run date 2026-11-26, 200,348 documents (-12)")
    with view.expect_response(lambda answer: answer.status == 400):
        dialog.get_by_role("button", name="Roll back").click()
    expect(dialog.get_by_label("Reason")).to_be_focused()
    dialog.get_by_label("Reason").fill("wrong offices")
    dialog.get_by_role("button", name="Roll back").click()
    expect(view.get_by_role("status")).to_have_text("The rollback of search has been started.")
    (run,) = seeded.started()
    assert run["conf"] == {"direction": "back", "dry_run": False}
    assert run["note"] == "Started by admin from /sync/. Reason: wrong offices"
    forget_refusals(complaints)


def test_a_rollback_is_refused_during_a_build(view: Page, seeded: SeededAirflow, complaints: list[str]) -> None:
    look(view, seeded, "under way", "rollback/persons-20261125t012900-000000")
    expect(view.get_by_role("progressbar")).to_have_count(0)
    view.get_by_label("Reason").fill("wrong offices")
    view.get_by_role("button", name="Roll back").click()
    expect(view.get_by_role("alert")).to_contain_text("is being built: wait for the end of the build")
    assert seeded.started() == []
    forget_refusals(complaints)


def test_who_did_what_shows_the_person_and_the_reason(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "rolled back")
    expect(view.locator(".deeds li").first).to_contain_text("2026-11-27 07:02")
    expect(view.locator(".deeds li").first).to_contain_text(f"admin: rollback of search {DASH} succeeded")
    expect(view.locator(".deeds li").first).to_contain_text("Reason: wrong offices")


def test_the_page_and_its_forms_work_without_javascript(browser: Browser, seeded: SeededAirflow) -> None:
    with logged_in_by_token(browser, seeded, "admin", javascript=False) as context, context.new_page() as page:
        look(page, seeded, "failed")
        expect(page.get_by_role("button", name="Pause updates")).not_to_be_visible()
        run_link(page, "PersonRecordStatusJob").click()
        page.get_by_label("By another date").check()
        page.get_by_label("The other date").fill("26/11/2026")
        page.get_by_role("button", name="Run").click()
        expect(page.locator(".error")).to_have_text("Enter a date such as 2026-11-27.")
        page.get_by_label("The other date").fill("2026-11-26")
        page.get_by_label("Run date", exact=True).fill("2026-03-10")
        page.get_by_role("button", name="Run").click()
        expect(page.get_by_role("alert")).to_contain_text(
            "The run date 2026-03-10 is 262 days ago; today is 2026-11-27"
        )
        page.get_by_label("Confirm the dates").check()
        page.get_by_role("button", name="Run").click()
        expect(page.get_by_role("status")).to_have_text("PersonRecordStatusJob has been started.")
    (run,) = seeded.started()
    wanted = {"date_override": "2026-11-26", "run_date": "2026-03-10", "confirm_run_date": True, "dry_run": False}
    assert {name: run["conf"][name] for name in wanted} == wanted


FOCUS = """() => {
  const each = document.activeElement, box = each.getClientRects()[0], style = getComputedStyle(each);
  const top = box && document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const place = each.closest("[data-job], #verdict, section, header, dialog");
  return {
    name: (each.id || each.name || each.textContent.trim()),
    isSeen: Boolean(top) && (each.contains(top) || top.contains(each)) && style.outlineStyle !== "none" &&
      parseFloat(style.outlineWidth) >= 2,
    place: place ? place.id || place.getAttribute("aria-labelledby") || place.tagName : "",
    top: place ? place.getBoundingClientRect().top + scrollY : 0,
    isBody: each === document.body,
  };
}"""


def press_tab(page: Page) -> dict[str, Any]:
    """The element that the Tab key moves to. Whoever looks at the window sees where that is."""
    page.keyboard.press("Tab")
    focus: dict[str, Any] = page.evaluate(FOCUS)
    assert focus["isSeen"] or focus["isBody"], focus
    return focus


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until that element has the focus."""
    for _ in range(300):
        press_tab(page)
        if wanted.evaluate("each => each === document.activeElement"):
            return
    pytest.fail(f"the Tab key does not reach {wanted}")


@pytest.mark.parametrize("width", [320, 1440])
def test_the_tab_key_moves_through_the_page_in_reading_order_and_the_focus_is_always_visible(
    view: Page, seeded: SeededAirflow, width: int
) -> None:
    view.set_viewport_size({"width": width, "height": 900})
    look(view, seeded, "guard rail")
    stops: list[dict[str, Any]] = []
    while not stops or not stops[-1]["isBody"]:
        assert len(stops) < 300
        stops.append(press_tab(view))
    assert stops[0]["name"] == "Skip to the content"
    places = list(dict.fromkeys(stop["place"] for stop in stops if stop["place"]))
    rows: list[str] = view.locator("[data-job]").evaluate_all(BY_TOP)
    sections = ["HEADER", "verdict", "picture-title", "jobs-title", *rows, "search-persons", "deeds-title"]
    assert places == sections
    names = [stop["name"] for stop in stops]
    assert names.index("run-missing") < names.index("get-status") < names.index("earlier") < names.index("run-all")


# The ids of the rows of the jobs, from the top of the window to the bottom. Browsers without reading-flow keep the
# order of the night.
BY_TOP = """rows => (CSS.supports("reading-flow", "flex-visual")
  ? rows.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top) : rows).map((row) => row.id)"""


def test_a_whole_task_works_by_keyboard_alone(view: Page, seeded: SeededAirflow) -> None:
    """Start a dry run for another date, see that it was started, read the details, look at another night."""
    name = "PersonRecordStatusJob"
    look(view, seeded, "fine")
    link = run_link(view, name)
    tab_to(view, link)
    view.keyboard.press("Enter")
    dialog = view.get_by_role("dialog", name=f"Run {name}")
    expect(dialog.get_by_label("By the run date")).to_be_focused()
    other = dialog.get_by_label("By another date")
    while not other.is_checked():
        view.keyboard.press("ArrowDown")
    tab_to(view, dialog.get_by_label("The other date"))
    view.keyboard.type("2026-11-26")
    tab_to(view, dialog.get_by_label("Dry run"))
    view.keyboard.press("Space")
    tab_to(view, dialog.get_by_role("button", name="Run", exact=True))
    view.keyboard.press("Enter")
    expect(view.get_by_role("status")).to_have_text(f"{name} has been started.")
    expect(dialog).not_to_be_visible()
    expect(link).to_be_focused()
    (run,) = seeded.started()
    assert (run["conf"]["dry_run"], run["conf"]["date_override"]) == (True, "2026-11-26")
    expect(view.locator(".deeds")).to_contain_text(f"admin: dry run of {name} with the date override 2026-11-26")
    tab_to(view, view.get_by_role("button", name="Close"))
    view.keyboard.press("Enter")
    expect(view.get_by_role("status")).to_have_text("")
    details = row(view, name).locator("summary")
    tab_to(view, details)
    view.keyboard.press("Enter")
    expect(row(view, name).get_by_text("Writes person.status.")).to_be_visible()
    tab_to(view, view.locator("#earlier"))
    view.keyboard.press("Enter")
    expect(view.get_by_role("heading", name="The night of Thu 2026-11-26", exact=True)).to_be_visible()
    tab_to(view, view.locator("#later"))
    view.keyboard.press("Enter")
    expect(view.get_by_role("heading", name="The night of Fri 2026-11-27", exact=True)).to_be_visible()


def test_search_is_rolled_back_by_keyboard_alone(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "fine")
    tab_to(view, view.get_by_role("link", name=ROLL_BACK, exact=True))
    view.keyboard.press("Enter")
    dialog = view.get_by_role("dialog", name=TO_26TH)
    expect(dialog.get_by_label("Dry run")).to_be_focused()
    tab_to(view, dialog.get_by_label("Reason"))
    view.keyboard.type("wrong offices")
    tab_to(view, dialog.get_by_role("button", name="Roll back"))
    view.keyboard.press("Enter")
    expect(view.get_by_role("status")).to_have_text("The rollback of search has been started.")
    assert [run["dag_id"] for run in seeded.started()] == ["persons_index_rollback"]


def test_the_dialog_works_by_keyboard_alone(view: Page, seeded: SeededAirflow, complaints: list[str]) -> None:
    look(view, seeded, "fine")
    link = run_link(view, "PersonRecordStatusJob")
    tab_to(view, link)
    view.keyboard.press("Enter")
    dialog = view.get_by_role("dialog", name="Run PersonRecordStatusJob")
    expect(dialog.get_by_label("By the run date")).to_be_focused()
    view.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(link).to_be_focused()
    view.keyboard.press("Enter")
    dialog.get_by_label("Run date", exact=True).focus()
    view.keyboard.type("tomorrow")
    view.keyboard.press("Enter")
    expect(dialog.locator(".error")).to_have_text("Enter a date such as 2026-11-27.")
    expect(dialog.get_by_label("Run date", exact=True)).to_be_focused()
    view.keyboard.press("Control+a")
    view.keyboard.press("Delete")
    view.keyboard.press("Enter")
    expect(view.get_by_role("status")).to_have_text("PersonRecordStatusJob has been started.")
    assert len(seeded.started()) == 1
    forget_refusals(complaints)


def test_a_dry_run_disables_the_follow_on_jobs(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "fine")
    run_link(view, OWNER).click()
    dialog = view.get_by_role("dialog")
    follow_on = dialog.get_by_label("Run follow-on jobs")
    expect(follow_on).to_be_checked()
    dialog.get_by_label("Dry run").check()
    expect(follow_on).to_be_disabled()
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(view.get_by_role("status")).to_have_text(f"{OWNER} has been started.")
    assert seeded.started()[0]["conf"]["dry_run"] is True


def test_a_job_that_is_running_names_since_when_and_who(
    view: Page, seeded: SeededAirflow, complaints: list[str]
) -> None:
    look(view, seeded, "under way")
    expect(view.locator("#build-persons")).to_contain_text("144,000 of about 200,360 documents, 480 a second")
    run_link(view, SEARCH).click()
    dialog = view.get_by_role("dialog")
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text(
        "Already running since 01:29 UTC, started by Airflow: watch it. Nothing was started."
    )
    assert seeded.started() == []
    forget_refusals(complaints)


def test_a_running_job_can_be_stopped(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "under way")
    row(view, SEARCH).get_by_role("link", name=f"Stop… {SEARCH}").click()
    dialog = view.get_by_role("dialog", name=f"Stop {SEARCH}?")
    expect(dialog).to_contain_text("Running since 01:29 UTC, started by Airflow, for 2026-11-27.")
    expect(dialog).to_contain_text("readers keep the live one")
    dialog.get_by_label("Reason").fill("wrong data")
    dialog.get_by_role("button", name="Stop").click()
    expect(view.get_by_role("status")).to_have_text(f"{SEARCH} was stopped.")
    expect(row(view, SEARCH).locator(".badge")).to_contain_text("Failed")
    expect(row(view, SEARCH)).to_contain_text("It was stopped by admin: wrong data")
    stopped = re.compile(rf"{SEARCH} failed at \d\d:\d\d: it was stopped by admin: wrong data\.")  # by Airflow's clock
    expect(view.locator(".steps")).to_contain_text(stopped)
    expect(view.locator(".steps")).to_contain_text("run it again")
    expect(view.locator(".deeds li").first).to_contain_text(f"admin: stopped {SEARCH}")
    expect(row(view, SEARCH).get_by_role("link", name="Stop")).to_have_count(0)


def test_a_job_can_be_stopped_without_javascript(browser: Browser, seeded: SeededAirflow) -> None:
    with logged_in_by_token(browser, seeded, "admin", javascript=False) as context, context.new_page() as page:
        look(page, seeded, "under way")
        page.get_by_role("link", name=f"Stop… {SEARCH}").click()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("status")).to_have_text(f"{SEARCH} was stopped.")
        expect(row(page, SEARCH).locator(".badge")).to_contain_text("Failed")


def test_checks_stay_on_the_page_with_their_times(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "restored")
    view.get_by_role("link", name="Check now (search)").click()
    dialog = view.get_by_role("dialog", name="Checks of search")
    expect(dialog.get_by_role("listitem")).to_have_count(4)
    dialog.get_by_role("link", name="Back").click()
    expect(view.locator("main .checks li")).to_have_count(4)
    expect(view.locator("main .checks li").first).to_contain_text(
        "Exactly one index is behind the alias: passed at 2026-11-27 07:30"
    )
    expect(view.locator("main .checks li").last).to_contain_text("A sample agrees with PostgreSQL: failed")


def test_a_message_can_be_closed_and_never_moves_the_page(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "fine")
    top = view.locator("#jobs").bounding_box()
    run_link(view, OWNER).click()
    view.get_by_role("dialog").get_by_role("button", name="Run", exact=True).click()
    expect(view.get_by_role("status")).to_have_text(f"{OWNER} has been started.")
    expect(view.get_by_role("status")).to_be_in_viewport()
    view.evaluate("scrollTo(0, 0)")
    expect(view.get_by_role("status")).to_be_in_viewport()
    after = view.locator("#jobs").bounding_box()
    assert top
    assert after
    assert after["x"] == top["x"]
    view.get_by_role("button", name="Close").click()
    expect(view.get_by_role("status")).to_have_text("")


def test_while_the_database_is_down_what_was_known_is_dimmed(
    view: Page, seeded: SeededAirflow, complaints: list[str]
) -> None:
    look(view, seeded, "fine")
    seeded.seed("database down")
    view.get_by_role("link", name="Get status").click()
    expect(view.locator("#message")).to_have_text(
        "It is not known how the night went: Airflow's database failed (OperationalError). "
        "This page shows the state at 07:30:00 UTC."
    )
    expect(view.locator("main")).to_have_class("stale")
    expect(view.locator("#icon")).to_have_attribute("href", "/sync/static/icon-unknown.svg")
    expect(row(view, OWNER)).to_be_visible()
    seeded.seed("fine")
    view.get_by_role("link", name="Get status").click()
    expect(view.locator("main")).not_to_have_class("stale")
    expect(view.locator("#icon")).to_have_attribute("href", "/sync/static/icon-good.svg")
    forget_refusals(complaints)


def test_a_form_says_that_the_database_is_down(view: Page, seeded: SeededAirflow, complaints: list[str]) -> None:
    look(view, seeded, "fine")
    run_link(view, OWNER).click()
    dialog = view.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Run", exact=True)).to_be_visible()
    seeded.seed("database down")
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(dialog).to_contain_text("Airflow's metadata database failed: OperationalError")
    seeded.seed("fine")
    forget_refusals(complaints)


def test_a_late_answer_does_not_land_in_another_dialog(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "fine")
    held: list[Route] = []
    view.route(
        f"**/run/{OWNER}", lambda route: held.append(route) if route.request.method == "POST" else route.continue_()
    )
    run_link(view, OWNER).click()
    view.get_by_role("dialog").get_by_role("button", name="Run", exact=True).click()
    expect(view.get_by_role("dialog").get_by_role("button", name="Starting…")).to_be_disabled()
    view.keyboard.press("Escape")
    expect(view.get_by_role("dialog")).to_be_visible()  # Escape would look as if nothing is started
    view.get_by_role("dialog").get_by_role("link", name="Cancel").click()
    run_link(view, FUNDING).click()
    other = view.get_by_role("dialog", name=f"Run {FUNDING}")
    expect(other.get_by_label("Run date", exact=True)).to_be_focused()
    held[0].continue_()
    expect(view.locator("#message")).to_have_text(f"{OWNER} has been started.")
    expect(other).to_be_visible()
    expect(other.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    assert [run["dag_id"] for run in seeded.started()] == ["person_owner_rebuild_job"]


def test_updates_keep_focus_selection_and_open_details_and_announce_changes(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "under way")
    row(view, OWNER).locator("summary").click()
    view.evaluate("getSelection().selectAllChildren(document.querySelector('#jobs-title'))")
    link = run_link(view, OWNER)
    link.focus()
    seeded.seed("fine")
    expect(view.locator("#sentence")).to_contain_text("Last night was fine.")  # within seconds: something is running
    expect(view).to_have_title(f"✓ Fine {DASH} Nightly sync")
    expect(link).to_be_focused()
    assert view.evaluate("getSelection().toString()") == "Jobs"
    expect(row(view, OWNER).locator("details")).to_have_attribute("open", "")
    news = view.locator("#news")
    expect(news).to_contain_text(f"{SEARCH} finished: 12 added of 200,360")
    expect(news).not_to_contain_text(OWNER)
    assert violations(view) == []


def test_updates_can_be_paused(view: Page, seeded: SeededAirflow) -> None:
    look(view, seeded, "under way")
    pause = view.get_by_role("button", name="Pause updates")
    pause.click()
    expect(pause).to_have_attribute("aria-pressed", "true")
    seeded.seed("fine")
    view.wait_for_timeout(3000)
    expect(view.locator("#sentence")).to_contain_text("The night is under way")
    view.get_by_role("link", name="Get status").click()
    expect(view.locator("#sentence")).to_contain_text("Last night was fine.")


def test_a_lost_server_dims_the_page_and_says_so(view: Page, seeded: SeededAirflow, complaints: list[str]) -> None:
    look(view, seeded, "under way")
    top = view.locator("#verdict").bounding_box()
    view.route("**/sync/", lambda route: route.abort())
    message = view.locator("#message")
    expect(message).to_have_text("Airflow does not answer. This page shows the state at 01:34:00 UTC.")
    expect(view.locator("main")).to_have_class("stale")
    expect(view).to_have_title(re.compile("^\\? Old"))
    assert view.locator("#verdict").bounding_box() == top  # the place of the message is reserved
    view.unroute("**/sync/")
    view.get_by_role("link", name="Get status").click()
    expect(message).to_have_text("")
    expect(view.locator("main")).not_to_have_class("stale")
    forget_refusals(complaints)


def test_after_the_login_has_ended_the_page_leads_to_it_and_back_with_what_was_typed(
    browser: Browser, seeded: SeededAirflow
) -> None:
    with logged_in_by_token(browser, seeded, "admin") as context, context.new_page() as page:
        look(page, seeded, "fine")
        run_link(page, FUNDING).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Run date", exact=True).fill("2026-11-26")
        context.clear_cookies()
        dialog.get_by_role("button", name="Run", exact=True).click()
        page.wait_for_url(lambda address: urlsplit(address).path.startswith("/auth/login"))
        assert f"%2Fsync%2Frun%2F{FUNDING}" in page.url
        context.add_cookies([{"name": "_token", "value": seeded.token("admin"), "url": seeded.url}])
        page.goto(f"/sync/run/{FUNDING}")
        expect(page.get_by_label("Run date", exact=True)).to_have_value("2026-11-26")
    assert seeded.started() == []


def test_a_viewer_is_told_which_right_is_missing(browser: Browser, seeded: SeededAirflow) -> None:
    with logged_in_by_token(browser, seeded, "viewer") as context, context.new_page() as page:
        look(page, seeded, "failed")
        expect(page.locator("#rights")).to_contain_text("viewer lacks the right to create and edit runs of these DAGs")
        expect(page.locator("[data-dialog]")).to_have_count(1)  # checks of search change nothing
        answer = page.goto(f"/sync/run/{OWNER}")
        assert answer
        assert answer.status == 403
        expect(page.get_by_role("alert")).to_contain_text("You may not start this: viewer lacks the right")
        page.get_by_role("button", name="Run").click()
        expect(page.get_by_role("alert")).to_contain_text("You may not start this")
    assert seeded.started() == []
