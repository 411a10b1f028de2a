"""A window of the day in UTC: which times it includes, and which texts are not a window."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from sync_airflow.time_window import TimeWindow, parse_minute, parse_time, parse_window

NIGHT = TimeWindow(time(0), time(7))
OVER_MIDNIGHT = TimeWindow(time(22), time(6))
LONDON = ZoneInfo("Europe/London")

# Both nights of 2026 on which clocks in the UK change, a leap day, a new year, an ordinary day.
DAYS = [date(2026, 3, 29), date(2026, 10, 25), date(2024, 2, 29), date(2026, 1, 1), date(2026, 6, 15)]


def at(day: date, hour: int, minute: int = 0, second: int = 0, microsecond: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute, second, microsecond), tzinfo=UTC)


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(
    ("of_day", "is_in"),
    [
        ((0,), True),
        ((0, 0, 0, 1), True),
        ((3, 30), True),
        ((6, 59, 59, 999_999), True),
        ((7,), False),
        ((12,), False),
        ((23, 59, 59, 999_999), False),
    ],
)
def test_the_window_includes_its_start_and_excludes_its_end(day: date, of_day: tuple[int, ...], is_in: bool) -> None:
    assert (at(day, *of_day) in NIGHT) == is_in


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(
    ("of_day", "is_in"),
    [((21, 59, 59), False), ((22,), True), ((23, 59, 59), True), ((0,), True), ((5, 59, 59), True), ((6,), False)],
)
def test_a_window_may_extend_past_midnight(day: date, of_day: tuple[int, ...], is_in: bool) -> None:
    assert (at(day, *of_day) in OVER_MIDNIGHT) == is_in


@pytest.mark.parametrize("of_day", [(0,), (7,), (23, 59, 59)])
def test_equal_bounds_are_the_whole_day(of_day: tuple[int, ...]) -> None:
    assert at(DAYS[0], *of_day) in TimeWindow(time(7), time(7))


def test_only_the_time_in_utc_counts() -> None:
    auckland = timezone(timedelta(hours=13))
    assert datetime(2026, 1, 1, 13, 0, tzinfo=auckland) in NIGHT  # midnight in UTC
    assert datetime(2026, 1, 1, 3, 0, tzinfo=auckland) not in NIGHT
    with pytest.raises(ValueError, match="no time zone"):
        assert datetime(2026, 1, 1, 3, 0) in NIGHT


@pytest.mark.parametrize(
    ("local", "fold", "is_in"),
    [
        (datetime(2026, 3, 29, 0, 59, 59), 0, True),
        (datetime(2026, 3, 29, 7, 59, 59), 0, True),  # summer time has begun: 06:59:59 in UTC
        (datetime(2026, 3, 29, 8, 0), 0, False),
        (datetime(2026, 10, 25, 0, 59, 59), 0, False),  # summer time still: the day before in UTC
        (datetime(2026, 10, 25, 1, 0), 0, True),  # midnight in UTC
        (datetime(2026, 10, 25, 1, 0), 1, True),  # the same on the clock, an hour later
        (datetime(2026, 10, 25, 7, 0), 0, False),  # winter time again
    ],
)
def test_british_clock_changes_do_not_move_the_window(local: datetime, fold: int, is_in: bool) -> None:
    assert (local.replace(tzinfo=LONDON, fold=fold) in NIGHT) == is_in


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("00:00-07:00", NIGHT),
        (" 22:00 - 06:00 ", OVER_MIDNIGHT),
        ("00:00:30-23:59:59", TimeWindow(time(0, 0, 30), time(23, 59, 59))),
        ("off", None),
        (" OFF ", None),
        ("", None),
    ],
)
def test_a_window_is_written_as_two_times_or_off(text: str, window: TimeWindow | None) -> None:
    assert parse_window(text) == window


@pytest.mark.parametrize(
    "text", ["00:00", "0:00-7:00", "00:00-24:00", "00:00-07:00-08:00", "00-07", "no", "\u0660\u0660:00-07:00"]
)
def test_an_invalid_window_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="expected a window such as 00:00-07:00, or 'off'"):
        parse_window(text)


def test_a_window_is_shown_as_it_is_written() -> None:
    assert str(NIGHT) == "00:00:00-07:00:00 UTC"


@pytest.mark.parametrize("text", ["7:00", "07:60", "24:00", "07:00+01:00", "T07:00", "0700", "", "07:00:00.5"])
def test_an_invalid_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a time such as|must be in"):
        parse_time(text)


@pytest.mark.parametrize("text", ["07:00:30", "07:00:00", " 00:00:59 "])
def test_a_time_of_a_schedule_with_seconds_is_refused_instead_of_rounded(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time without seconds, such as 07:00"):
        parse_minute(text)
    assert parse_minute(" 07:30 ") == time(7, 30)
