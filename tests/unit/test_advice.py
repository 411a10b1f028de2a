"""The run-book's advice for an error, found by the messages in its rows."""

import pytest

from sync_airflow.night.advice import RUN_BOOK, advice_for, guard_rail_stop, parse_run_book
from sync_jobs.errors import GuardRail
from sync_jobs.guard_rail import DEFAULT_LIMITS, Limits, check_guard_rail


def reason_of(removed: int, existing: int, limits: Limits = DEFAULT_LIMITS) -> str:
    with pytest.raises(GuardRail) as error:
        check_guard_rail("person_trust", removed, existing, limits)
    return str(error.value)


@pytest.mark.parametrize(
    ("reason", "todo"),
    [
        (reason_of(505_520, 505_520), "Check for an empty or broken source table."),
        ("PersonOwnerRebuildJob is already running, since 00:05", "Another run of the job is under way"),
        ("The date is not correct: tomorrow", "Start the job again with a date YYYY-MM-DD."),
        ("Expected exactly one index behind alias persons, found a, b. Keep", "Remove the alias from all indices"),
        ("PersonOwnerRebuildJob failed tonight, so X does not run on stale data.", "Repair the named job first"),
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
    assert guard_rail_stop("something else") is None


@pytest.mark.parametrize(("removed", "existing"), [(505_520, 505_520), (333_333, 1_000_000), (101, 303), (777, 999)])
def test_the_lowest_limit_allows_what_was_shown_and_little_more(removed: int, existing: int) -> None:
    stop = guard_rail_stop(reason_of(removed, existing))
    assert stop is not None
    limits = Limits(maximum_removed_percent=stop.just_enough)
    check_guard_rail("person_trust", removed, existing, limits)
    if stop.just_enough < 100:
        more = removed + 1 + existing // 100_000
        reason_of(more, existing, limits)
