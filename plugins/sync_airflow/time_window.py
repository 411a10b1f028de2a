"""A part of the day, in UTC, that may extend past midnight."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time

OFF = "off"

_MINUTE = re.compile(r"\d\d:\d\d", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d(:\d\d)?", re.ASCII)


@dataclass(frozen=True)
class TimeWindow:
    """From start, included, to end, excluded; both are times of day in UTC.

    An end before the start is on the next day: 22:00-06:00. Equal bounds mean the whole day.
    """

    start: time
    end: time

    def __contains__(self, moment: datetime) -> bool:
        """moment: in any time zone. Raises ValueError for one without a time zone."""
        if moment.tzinfo is None:
            raise ValueError(f"{moment} has no time zone")
        now = moment.astimezone(UTC).time()
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end

    def __str__(self) -> str:
        return f"{self.start}-{self.end} UTC"


def parse_window(text: str) -> TimeWindow | None:
    """Parse HH:MM-HH:MM or HH:MM:SS-HH:MM:SS. "off" or an empty text gives None. Raises ValueError."""
    if text.strip().lower() in ("", OFF):
        return None
    start, _, end = text.partition("-")
    try:
        return TimeWindow(parse_time(start), parse_time(end))
    except ValueError as error:
        raise ValueError(f"{text!r}: expected a window such as 00:00-07:00, or {OFF!r} ({error})") from None


def parse_minute(text: str) -> time:
    """Parse a time of day without seconds, HH:MM, as a daily schedule has it. Raises ValueError."""
    at = parse_time(text)
    if not _MINUTE.fullmatch(text.strip()):
        raise ValueError(f"{text.strip()!r}: expected a time without seconds, such as 07:00")
    return at


def parse_time(text: str) -> time:
    """Parse a time of day, HH:MM or HH:MM:SS. Raises ValueError."""
    if not _TIME.fullmatch(text.strip()):
        raise ValueError(f"{text.strip()!r}: expected a time such as 07:00")
    return time.fromisoformat(text.strip())
