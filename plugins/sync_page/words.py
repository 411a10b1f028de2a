"""How the page writes times, numbers and states. Times are UTC; if the time in London differs, it is shown as well."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from sync_airflow.night import sentences
from sync_jobs.index_definitions import INDEX_DEFINITIONS
from sync_jobs.report import COUNTS, label

LONDON = ZoneInfo("Europe/London")

# Shown if there is no value.
NOTHING = "\N{EN DASH}"

# State of a job -> symbol and word. The symbol carries the state without colour.
STATES = {
    "done": ("✓", "Done"),
    "running": ("▶", "Running"),
    "waiting": ("…", "Waiting"),
    "late": ("!", "Late"),
    "failed": ("✕", "Failed"),
    "not run": (NOTHING, "Not run"),
    "paused": ("‖", "Paused"),
}

STARTED_BY = {
    "schedule": "by the schedule",
    "manual": "manually",
    "follow-on": "as a follow-on job",
    "recovery": "by recovery",
    "restart": "by the recovery after a restart",
    "backfill": "by a backfill",
}

# Level of a verdict -> its symbol.
SYMBOLS = {"good": "✓", "busy": "▶", "warning": "!", "bad": "✕", "unknown": "?"}

# Whether a check has passed, None if it could not be made -> symbol and word.
CHECKS = {True: ("✓", "passed"), False: ("✕", "failed"), None: ("?", "not checked")}

# The counts of a report that say what a run has changed.
CHANGES = ("added", "changed", "removed", "refreshed", "left_out")


def path_in_airflow(dag_id: str, run_id: str) -> str:
    """The path of a run in Airflow's UI, relative to Airflow's address."""
    return f"dags/{dag_id}/runs/{quote(run_id, safe='')}"


def being_built(index: str) -> str:
    """Why a rollback is refused during a build."""
    return f"{index} is being built: wait for the end of the build, or stop its run. Nothing was started."


def minute(moment: datetime | None) -> str:
    """2026-11-27 01:29."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if moment else "an unknown time"


def clock(moment: datetime | None) -> str:
    """01:29."""
    return moment.astimezone(UTC).strftime("%H:%M") if moment else NOTHING


def clock_seconds(moment: datetime) -> str:
    """07:30:12."""
    return moment.astimezone(UTC).strftime("%H:%M:%S")


def london(moment: datetime | None) -> str:
    """02:29 in London; empty while London has UTC."""
    if moment is None:
        return ""
    there = moment.astimezone(LONDON)
    return f"{there:%H:%M} in London" if there.utcoffset() else ""


def number(value: float) -> str:
    """505,520."""
    return f"{value:,}"


def capital(text: str) -> str:
    """The text with a capital first letter; the rest stays, as in PostgreSQL."""
    return text[:1].upper() + text[1:]


def percentage(value: float) -> str:
    """100, 20, 33.4 or 0.0042: as many digits as are needed."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def duration(seconds: float | None) -> str:
    """5.2 s, 40 s, 1 min 39 s, 6 h 1 min, 3 days; empty if it is not known."""
    if seconds is None:
        return ""
    if seconds < 10 and seconds != round(seconds):
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def roughly(seconds: float | None) -> str:
    """20 s, 2 min, 2 h 5 min: an estimate, as in the sentences of a verdict; empty if it is not known."""
    return "" if seconds is None else sentences.duration(timedelta(seconds=seconds))


def named(what: str, alias: str) -> str:
    """The words for a search index, with its alias if there are several: "Search index", "Search index posts"."""
    return f"{what} {alias}" if len(INDEX_DEFINITIONS) > 1 else what


def jobs(count: int) -> str:
    """1 job, 2 jobs."""
    return f"{count} job{'' if count == 1 else 's'}"


# Between two words of a name such as PersonOwnerRebuildJob.
_INSIDE_NAME = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])", re.ASCII)


_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|s|min|h|UTC)\b|%)", re.ASCII)


_DATE = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d)?", re.ASCII)


def breakable(text: str) -> Markup:
    """The text, where lines may break between the words of a job's name, but not in a date or before a unit."""
    whole = _BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", text)
    names = Markup("<wbr>").join(escape(part) for part in _INSIDE_NAME.split(whole))
    return Markup(_DATE.sub(r'<span class="date">\g<0></span>', str(names)))  # noqa: S704, escaped above


def changes(report: Mapping[str, Any]) -> str:
    """What a run changed: "3 added, 12 changed of 200,000"; "0 changed of 966" if it changed nothing."""
    read = _count(report, "read")
    parts = [f"{number(_count(report, name))} {label(name)}" for name in CHANGES if _count(report, name)]
    return f"{', '.join(parts) or '0 changed'} of {number(read)}"


def counts(report: Mapping[str, Any]) -> str:
    """All counts of a report."""
    return ", ".join(f"{number(_count(report, name))} {label(name)}" for name in COUNTS)


def _count(report: Mapping[str, Any], name: str) -> int:
    value = report.get(name)
    return value if isinstance(value, int) else 0
