"""Documents that can be checked against what they speak of are."""

import re
from pathlib import Path

import pytest

from docs import write_index_settings
from docs.draw_night import PICTURE, describe, draw
from docs.write_order import RUN_BOOK, with_tables
from sync_jobs.catalogue import JOBS, Job, index_build_before, jobs_to_run_after, upstream_jobs

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("requirements", ["requirements.in", "requirements-dev.in"])
def test_dependencies_document_says_why_each_direct_dependency_is_there(requirements: str) -> None:
    wanted = [
        re.split(r"[\[=<>~!; ]", line)[0]
        for line in (ROOT / requirements).read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("-r", "#"))
    ]
    document = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(requirements)}.*?(?=^## |\Z)", document, re.MULTILINE | re.DOTALL)
    assert section, f"docs/dependencies.md has no section {requirements}"
    rows = re.findall(r"^\| (\S+) \| (.+) \|$", section[0], re.MULTILINE)
    assert [package for package, _ in rows if package != "package"] == wanted


def test_the_picture_of_the_night_is_what_the_code_draws() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(), "run: PYTHONPATH=plugins python docs/draw_night.py"


def test_the_run_book_has_the_order_that_the_table_of_jobs_has() -> None:
    run_book = RUN_BOOK.read_text(encoding="utf-8")
    assert run_book == with_tables(run_book), "run: PYTHONPATH=plugins python docs/write_order.py"


def test_the_picture_has_an_edge_for_each_wait_and_one_for_each_way_back_in_time() -> None:
    picture = draw().split('x1="24"')[0]  # without the legend
    assert picture.count('class="edge"') == sum(len(upstream_jobs(job)) for job in JOBS)
    assert picture.count('class="back"') == sum(index_build_before(job) is not None for job in JOBS)


def test_the_picture_tells_in_words_what_it_shows() -> None:
    words = describe()
    assert "01:29 PersonElasticSearchSyncJob writes Elasticsearch index persons." in words
    assert "It waits for PersonPlacementEmployingBodyTrustJob." in words
    assert "It refreshes documents that PersonElasticSearchSyncJob built." in words


def row_of_the_night(job: Job) -> str:
    """How the README's table shows a job."""
    build = index_build_before(job)
    waits = [other.name for other in upstream_jobs(job)] + ([f"{build.name} (its end, good or bad)"] if build else [])
    after = [other.name for other in jobs_to_run_after(job)]
    cells = (job.at.strftime("%H:%M"), job.name, job.writes, ", ".join(waits), ", ".join(after))
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def test_the_readme_shows_the_night_as_the_table_of_jobs_has_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\n".join(row_of_the_night(job) for job in JOBS) in readme


def test_the_page_of_index_settings_is_current() -> None:
    page = write_index_settings.PAGE.read_text(encoding="utf-8")
    assert page == write_index_settings.page(), "run: PYTHONPATH=plugins:. python docs/write_index_settings.py"
