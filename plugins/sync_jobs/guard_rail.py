"""The guard rail: a broken source must not empty what the jobs own (docs/design.md, "Guard rails").

Each field of Limits is a limit, with its default and its texts. Run parameters, forms and manuals are made from them
(sync_jobs.parameters). To add a limit, add a field and the check that enforces it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from sync_jobs.errors import BadArgument, GuardRail

# A run may always remove this many, however small the table is.
ALWAYS_ALLOWED_REMOVALS = 100


def _limit(default: float, title: str, explanation: str) -> Any:
    return field(default=default, metadata={"title": title, "explanation": explanation})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one run, each in per cent of the rows or documents that exist, 0 to 100.

    Raises BadArgument for a value that is not a percentage.
    """

    maximum_removed_percent: float = _limit(
        20,
        "Maximum removed, in per cent",
        "Guard rail: the run stops before it writes if it would remove more than this share of the rows or documents, "
        "set more than this share to INACTIVE, or switch the source of more than this share of the owners. 100 lifts "
        "the limit; up to 100 rows or documents are always allowed.",
    )

    def __post_init__(self) -> None:
        for limit in fields(self):
            percent = getattr(self, limit.name)
            if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 100:
                raise BadArgument(f"{limit.name}: expected a number from 0 to 100, got {percent!r}")

    def overridden_by(self, values: Mapping[str, Any]) -> "Limits":
        """These limits, except those that values gives. Ignores None and keys that name no limit."""
        given = {limit.name: values.get(limit.name) for limit in fields(self)}
        return replace(self, **{name: percent for name, percent in given.items() if percent is not None})


DEFAULT_LIMITS = Limits()


def check_guard_rail(what: str, removed: int, existing: int, limits: Limits, *, loss: str = "remove") -> None:
    """Raise GuardRail if a run would remove more rows or documents than its limits allow.

    existing: how many there are now. loss: what would happen to those removed, for the message.
    """
    percent = limits.maximum_removed_percent
    allowed = max(ALWAYS_ALLOWED_REMOVALS, existing * percent / 100)
    if removed > allowed:
        raise GuardRail(
            f"{what}: this run would {loss} {removed} of {existing}, more than the {allowed:.0f} allowed "
            f"({percent:g} %). Check for an empty or broken source table. If the numbers are right, as on a "
            "first run or after a long outage, repeat the run with maximum_removed_percent = 100."
        )
