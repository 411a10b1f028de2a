"""The texts, forms and timeline of the page at /sync/, from histories of nights."""

from datetime import UTC, date, datetime, timedelta

import pytest

from sync_jobs.catalogue import find_job
from sync_jobs.parameters import job_parameters
from sync_page import run_forms, words

TODAY = date(2026, 11, 27)
STATUS_JOB = job_parameters(find_job("PersonRecordStatusJob"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "0 s"),
        (5.23, "5.2 s"),
        (59.6, "1 min"),
        (99, "1 min 39 s"),
        (3600, "1 h"),
        (108_060, "30 h 1 min"),
        (259_200, "3 days"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


def test_changes_name_what_changed_and_how_much_was_read() -> None:
    assert words.changes({"read": 200_000, "added": 3, "changed": 12}) == "3 added, 12 changed of 200,000"
    assert words.changes({"read": 966, "unchanged": 966}) == "0 changed of 966"
    assert words.changes({"read": "many"}) == "0 changed of 0"


def test_london_time_is_shown_only_if_it_differs() -> None:
    assert words.london(datetime(2026, 11, 27, 1, 29, tzinfo=UTC)) == ""
    assert words.london(datetime(2026, 7, 27, 1, 29, tzinfo=UTC)) == "02:29 in London"


def test_names_of_jobs_can_break_and_markup_is_escaped() -> None:
    assert words.breakable("PersonOwnerRebuildJob <b>") == "Person<wbr>Owner<wbr>Rebuild<wbr>Job &lt;b&gt;"


def test_an_untouched_form_gives_the_defaults() -> None:
    given = {"date_override": "", "run_date": "", "maximum_removed_percent": "20"}
    filled = run_forms.check(STATUS_JOB, given, TODAY)
    assert filled.is_ready
    assert filled.conf["maximum_removed_percent"] == 20
    assert filled.conf["dry_run"] is False
    assert "run_date" not in filled.conf


@pytest.mark.parametrize(
    ("given", "name", "error"),
    [
        ({"run_date": "27/11/2026"}, "run_date", "Enter a date such as 2026-11-27."),
        ({"run_date": "2026-02-30"}, "run_date", "Enter a date such as 2026-11-27."),
        ({"maximum_removed_percent": "101"}, "maximum_removed_percent", "Enter a number from 0 to 100."),
        ({"maximum_removed_percent": "nan"}, "maximum_removed_percent", "Enter a number from 0 to 100."),
        ({"date_override": "date", "date_override_date": ""}, "date_override", "Enter a date such as 2026-11-27."),
    ],
)
def test_an_error_is_shown_at_its_field(given: dict[str, str], name: str, error: str) -> None:
    filled = run_forms.check(STATUS_JOB, given, TODAY)
    wrong = {field.name: field.error or field.other_error for field in filled.fields}
    assert {key: text for key, text in wrong.items() if text} == {name: error}
    assert not filled.is_ready
    assert not filled.conf


@pytest.mark.parametrize("choice", ["ANY", "NONE"])
def test_the_choices_of_the_date_override(choice: str) -> None:
    assert run_forms.check(STATUS_JOB, {"date_override": choice}, TODAY).conf["date_override"] == choice
    given = {"date_override": "date", "date_override_date": "2026-11-20"}
    assert run_forms.check(STATUS_JOB, given, TODAY).conf["date_override"] == "2026-11-20"


@pytest.mark.parametrize(("days", "is_ready"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_run_date_more_than_a_day_away_is_confirmed_first(days: int, is_ready: bool) -> None:
    given = {"run_date": str(TODAY + timedelta(days=days))}
    filled = run_forms.check(STATUS_JOB, given, TODAY)
    assert filled.is_ready == is_ready
    shown = [field.name for field in filled.fields if not run_forms.hidden_until_needed(field, filled)]
    assert ("confirm_run_date" in shown) != is_ready
    assert run_forms.check(STATUS_JOB, given | {"confirm_run_date": "on"}, TODAY).is_ready


def test_a_line_breaks_in_the_name_of_a_job_but_not_in_a_date() -> None:
    assert words.breakable("PersonOwnerRebuildJob <1> at 2026-11-27 01:29 UTC") == (
        'Person<wbr>Owner<wbr>Rebuild<wbr>Job &lt;1&gt; at <span class="date">2026-11-27 01:29</span>'
        "\N{NO-BREAK SPACE}UTC"
    )
