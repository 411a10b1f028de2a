"""Which dates a run covers, and the argument dateOverride of PersonRecordStatusJob.

"Run date" (D) is given; nothing here asks a clock (domain.md, "The eight jobs").
"""

import re
from dataclasses import dataclass
from datetime import date

from sync_jobs.errors import BadArgument

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True)
class CoveredDates:
    """first <= last, inclusive; any_date: every person that has a membership, whatever the dates."""

    first: date
    last: date
    any_date: bool = False


def parse_date(text: str) -> date:
    """YYYY-MM-DD, blanks of any kind around it ignored, a no-break space that was pasted along too.

    Raises BadArgument for anything else, impossible dates too.
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
    """The dates by which candidates are looked for (domain.md, "8 PersonRecordStatusJob").

    first_date: the first of the nights covered, None for the run date alone. date_override: empty, YYYY-MM-DD,
    ANY or NONE, not case-sensitive; given, it alone counts. date_of_change_override: what NONE stands for, a
    date or empty for the run date. Raises BadArgument.
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
        raise BadArgument(f"first_date {first} lies after the run date {run_date}: expected the same day or an earlier")
    return CoveredDates(first, run_date)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}… ({len(text)} characters)"
