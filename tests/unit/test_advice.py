"""The run-book's advice for an error, found by the messages in its rows."""

import pytest

from sync_airflow.night.advice import RUN_BOOK, advice_for, guard_rail_stop, parse_run_book
from sync_jobs.errors import GuardRail
from sync_jobs.guard_rail import DEFAULT_LIMITS, Effect, Limits, check_guard_rails


def reason_of(removed: int, existing: int, limits: Limits = DEFAULT_LIMITS) -> str:
    with pytest.raises(GuardRail) as error:
        check_guard_rails({"person_trust": Effect(existing=existing, lost=removed)}, limits)
    return str(error.value)


@pytest.mark.parametrize(
    ("reason", "todo"),
    [
        (reason_of(505_520, 505_520), "Check what the message names: an empty or broken source table"),
        ("PersonOwnerRebuildJob is already running, since 00:05", "Another run of the job is in progress"),
        ("The date is not correct: tomorrow", "Start the job again with a date in the form YYYY-MM-DD."),
        ("Expected exactly one index behind alias persons, found a, b. Keep", "Remove the alias from all indices"),
        ("X failed in the night of 2024-02-29, so Y does not run on stale data.", "Repair the named job first"),
    ],
)
def test_the_row_of_the_message_is_found(reason: str, todo: str) -> None:
    advice = advice_for(reason)
    assert advice is not None
    assert advice.todo.startswith(todo)


@pytest.mark.parametrize("reason", [None, "", "ZeroDivisionError, see its log"])
def test_an_unknown_reason_has_no_advice(reason: str | None) -> None:
    assert advice_for(reason) is None


def test_every_row_with_a_message_is_read() -> None:
    rows = parse_run_book(RUN_BOOK.read_text(encoding="utf-8"))
    assert len(rows) > 40
    assert all(length >= 7 for _, length, _ in rows), "a shorter message would fit almost any error"


def test_the_numbers_of_a_guard_rail_stop_are_read_from_its_text() -> None:
    stop = guard_rail_stop(reason_of(505_520, 505_520))
    assert stop is not None
    assert (stop.removed, stop.existing, stop.allowed, stop.limit) == (505_520, 505_520, 101_104, 20.0)
    assert stop
    assert stop.what == "person_trust"
    assert guard_rail_stop("something else") is None


@pytest.mark.parametrize(("removed", "existing"), [(505_520, 505_520), (333_333, 1_000_000), (101, 303), (777, 999)])
def test_the_lowest_limit_allows_what_was_shown_and_little_more(removed: int, existing: int) -> None:
    stop = guard_rail_stop(reason_of(removed, existing))
    assert stop is not None
    (limit,) = stop.limits.values()
    limits = Limits(**stop.limits)
    check_guard_rails({"person_trust": Effect(existing=existing, lost=removed)}, limits)
    if limit < 100:
        more = removed + 1 + existing // 100_000
        reason_of(more, existing, limits)


def test_every_limit_that_a_run_exceeded_gets_the_lowest_value_that_allows_it() -> None:
    effects = {
        "index persons": Effect(existing=1000, lost=300, added=5000, changed=400),
        "field surname in index persons": Effect(existing=1000, changed=999),
    }
    with pytest.raises(GuardRail) as error:
        check_guard_rails(effects, DEFAULT_LIMITS)
    stop = guard_rail_stop(str(error.value))
    assert stop is not None
    assert (stop.loss, stop.removed, stop.existing) == ("remove", 300, 1000)
    assert stop.limits == {
        "maximum_removed_percent": 30,
        "maximum_added_percent": 500,
        "maximum_changed_percent": 99.9,
    }
    check_guard_rails(effects, Limits(**stop.limits))
