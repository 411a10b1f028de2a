"""The dates that a run covers, and the parameter dateOverride of PersonRecordStatusJob.

The run date (D) is a parameter; nothing here reads a clock (docs/domain.md, "Run date").
"""

import re
from dataclasses import dataclass
from datetime import date

from sync_jobs.errors import BadArgument

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True)
class CoveredDates:
    """first to last, both included. any_date: every person that has a membership, at any date."""

    first: date
    last: date
    any_date: bool = False


def parse_date(text: str) -> date:
    """Parse YYYY-MM-DD. Ignores blanks around it of any kind, such as a no-break space.

    Raises BadArgument for anything else, including dates that do not exist.
    """
    stripped = text.strip()
    if _ISO_DATE.fullmatch(stripped):
        try:
            return date.fromisoformat(stripped)
        except ValueError:
            pass
    raise BadArgument(f"The date is not correct: {_shortened(text)}")


def covered_dates(
    run_date: date, *, first_date: date | None, date_override: str, date_of_change_override: str
) -> CoveredDates:
    """The dates by which the job selects its candidates (docs/domain.md, "8 PersonRecordStatusJob").

    first_date: the first night covered; None for the run date only. date_override: empty, YYYY-MM-DD, ANY or NONE, in
    any case; if given, it alone counts. date_of_change_override: the date that NONE stands for; empty for the run date.
    Raises BadArgument.
    """
    word = date_override.strip().upper()
    if word == "ANY":
        return CoveredDates(run_date, run_date, any_date=True)
    if word == "NONE":
        configured = date_of_change_override.strip()
        only = parse_date(configured) if configured else run_date
        return CoveredDates(only, only)
    if word:
        only = parse_date(date_override)
        return CoveredDates(only, only)
    first = first_date or run_date
    if first > run_date:
        raise BadArgument(f"first_date {first} is after the run date {run_date}: expected that date or an earlier one")
    return CoveredDates(first, run_date)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}… ({len(text)} characters)"
