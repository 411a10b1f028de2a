"""What the run-book says about an error. The only source is its table of messages (docs/operations.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

RUN_BOOK = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
SECTION = "A job failed"
ANCHOR = "operations.md#a-job-failed"

_CODE = re.compile(r"`([^`]+)`")
_ROW = re.compile(r"\|(?P<says>.+?)\|(?P<todo>.+?)\|", re.ASCII)
_HEAD = "the log says"

_SHARE = re.compile(
    r"(?:would|and) (?P<deed>[^;:]+?) (?P<count>\d+) (?P<preposition>of|to) (?P<existing>\d+), "
    r"more than the (?P<allowed>\d+) allowed \((?P<percent>[\d.e+-]+) %\)",
    re.ASCII,
)

_WHAT = re.compile(r"(?P<what>[^:]+): this run would ")

# The limit that each deed of a guard-rail message exceeds. All other deeds are losses.
_LIMITS = {"add": "maximum_added_percent", "change": "maximum_changed_percent"}
_LOSS = "maximum_removed_percent"


@dataclass(frozen=True, kw_only=True)
class Advice:
    """says: the message that the row is about. todo: what to do, as plain text. anchor: of the run-book's section."""

    says: str
    todo: str
    anchor: str = ANCHOR


@dataclass(frozen=True, kw_only=True)
class GuardRailStop:
    """The first number of a run that the guard rail stopped. loss: what would have happened, such as "remove".

    what: the table, index or field, as the message names it; empty if it does not.
    preposition: between removed and existing, "of" or "to". allowed: rows or documents; limit: the same in per cent.
    limits: for every limit that the run exceeded, by the name of its parameter, the lowest value in per cent that
    allows the numbers in the message.
    """

    what: str
    loss: str
    removed: int
    preposition: str
    existing: int
    allowed: int
    limit: float
    limits: Mapping[str, float]

    @property
    def percent(self) -> float:
        """The share that would have been removed, in per cent."""
        return self.removed * 100 / self.existing


def _just_enough(count: int, existing: int) -> float:
    """The lowest limit that allows this count, in per cent. A run that would change more stops again."""
    limit = round(count * 100 / existing, 4)
    while existing * limit / 100 < count:
        limit = round(limit + 0.0001, 4)
    return limit


def guard_rail_stop(reason: str | None) -> GuardRailStop | None:
    """The numbers in the text of a GuardRail error (sync_jobs.guard_rail); None if the reason is another one."""
    shares = list(_SHARE.finditer(reason or ""))
    if not shares:
        return None
    limits: dict[str, float] = {}
    for share in shares:
        name = _LIMITS.get(share["deed"], _LOSS)
        limits[name] = max(limits.get(name, 0), _just_enough(int(share["count"]), int(share["existing"])))
    first, what = shares[0], _WHAT.match(reason or "")
    return GuardRailStop(
        what=what["what"] if what else "",
        loss=first["deed"],
        removed=int(first["count"]),
        preposition=first["preposition"],
        existing=int(first["existing"]),
        allowed=int(first["allowed"]),
        limit=float(first["percent"]),
        limits=limits,
    )


def advice_for(reason: str | None) -> Advice | None:
    """The row of the run-book whose message matches best; None if none matches or the run-book is not installed."""
    return best_advice(reason, _rows())


def best_advice(reason: str | None, rows: Iterable[tuple[re.Pattern[str], int, Advice]]) -> Advice | None:
    """The advice of the most specific row whose message is in the reason."""
    fitting = [(length, advice) for pattern, length, advice in rows if pattern.search(reason or "")]
    return max(fitting, key=lambda each: each[0])[1] if fitting else None


def parse_run_book(text: str) -> list[tuple[re.Pattern[str], int, Advice]]:
    """The rows of messages: pattern, its number of literal characters, advice. In a message, "..." stands for any text.

    A row with several messages gives several patterns. A row without a message in code style gives none.
    """
    rows = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("|") and _HEAD in line:
            break
    for line in lines:
        match = _ROW.fullmatch(line.strip())
        if match is None:
            break
        todo = _plain(match["todo"])
        for message in _CODE.findall(match["says"]):
            rows.append((_pattern(message), len(_literal(message)), Advice(says=message, todo=todo)))
    return rows


@cache
def _rows() -> tuple[tuple[re.Pattern[str], int, Advice], ...]:
    try:
        return tuple(parse_run_book(RUN_BOOK.read_text(encoding="utf-8")))
    except OSError:
        return ()


def _pattern(message: str) -> re.Pattern[str]:
    return re.compile(".*?".join(re.escape(part.strip()) for part in message.split("...")), re.DOTALL)


def _literal(message: str) -> str:
    return message.replace("...", "").replace(" ", "")


def _plain(cell: str) -> str:
    """One sentence without Markdown."""
    text = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", cell).replace("`", "").strip()
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
