"""A part of the day, in UTC, that may go past midnight."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time

OFF = "off"

_TIME = re.compile(r"\d\d:\d\d(:\d\d)?", re.ASCII)


@dataclass(frozen=True)
class TimeWindow:
    """From start, which is in it, to end, which is not; both are times of the day in UTC.

    An end before the start is on the next day: 22:00-06:00. Equal bounds mean the whole day.
    """

    start: time
    end: time

    def __contains__(self, moment: datetime) -> bool:
        """moment: aware, in any zone. Raises ValueError for one without a zone."""
        if moment.tzinfo is None:
            raise ValueError(f"{moment} has no time zone")
        now = moment.astimezone(UTC).time()
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end

    def __str__(self) -> str:
        return f"{self.start}-{self.end} UTC"


def parse_window(text: str) -> TimeWindow | None:
    """From HH:MM-HH:MM or HH:MM:SS-HH:MM:SS; None from "off" or nothing. Raises ValueError."""
    if text.strip().lower() in ("", OFF):
        return None
    start, _, end = text.partition("-")
    try:
        return TimeWindow(parse_time(start), parse_time(end))
    except ValueError as error:
        raise ValueError(f"{text!r} is no window such as 00:00-07:00, nor {OFF}: {error}") from None


def parse_time(text: str) -> time:
    """A time of the day from HH:MM or HH:MM:SS. Raises ValueError."""
    if not _TIME.fullmatch(text.strip()):
        raise ValueError(f"{text.strip()!r} is no time such as 07:00")
    return time.fromisoformat(text.strip())
