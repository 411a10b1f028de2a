"""The guard rails: a broken source must not empty, multiply or overwrite what the jobs own.

docs/design.md, "Guard rails". Each field of Limits is a limit, with its default and its texts. Run parameters, forms
and manuals are made from them (sync_jobs.parameters). To add a limit, add a field and the check that enforces it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from sync_jobs.errors import BadArgument, GuardRail

# A run may always remove, add or change this many, however small the table is.
ALWAYS_ALLOWED = 100

# Of a run that uses nothing of its limits.
FULL_HEADROOM = 100.0

# How many tables, indices or fields an error names.
NAMED = 3


def _limit(default: float, title: str, explanation: str, *, maximum: float | None = 100) -> Any:
    """maximum: the highest value that it can have; None for no maximum."""
    return field(default=default, metadata={"title": title, "explanation": explanation, "maximum": maximum})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one run, each in per cent of the rows, documents or values that exist.

    Raises BadArgument for a value that is not a percentage. Only growth can be more than 100 %.
    """

    maximum_removed_percent: float = _limit(
        20,
        "Maximum removed, in per cent",
        "Guard rail: the run stops before it writes if it would remove more than this share of the rows or documents, "
        "set more than this share to INACTIVE, or switch the source of more than this share of the owners. 100 lifts "
        "the limit; up to 100 rows or documents are always allowed.",
    )
    maximum_added_percent: float = _limit(
        50,
        "Maximum added, in per cent",
        "Guard rail: the run stops before it writes if the rows, the documents or the values of a field would grow by "
        "more than this share of those that exist. 100 lets them double, 900 lets them grow to ten times as many. Up "
        "to 100 are always allowed, and so is any number if there are none yet.",
        maximum=None,
    )
    maximum_changed_percent: float = _limit(
        30,
        "Maximum changed, in per cent",
        "Guard rail: the run stops before it writes if it would give other values to more than this share of the rows "
        "or documents that stay. Those that maximum_removed_percent counts do not count again. 100 lifts the limit; up "
        "to 100 rows or documents are always allowed.",
    )

    def __post_init__(self) -> None:
        for limit in fields(self):
            percent, maximum = getattr(self, limit.name), limit.metadata["maximum"]
            highest = math.inf if maximum is None else maximum
            is_number = isinstance(percent, int | float) and not isinstance(percent, bool) and math.isfinite(percent)
            if not is_number or not 0 <= percent <= highest:
                expected = "of 0 or more" if maximum is None else f"from 0 to {maximum}"
                raise BadArgument(f"{limit.name}: expected a number {expected}, got {percent!r}")

    def overridden_by(self, values: Mapping[str, Any]) -> "Limits":
        """These limits, except those that values gives. Ignores None and keys that name no limit."""
        given = {limit.name: values.get(limit.name) for limit in fields(self)}
        return replace(self, **{name: percent for name, percent in given.items() if percent is not None})


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a run would do to the rows of a table, the documents of an index, or the values of a field.

    existing: how many there are now. at_risk: how many of them can be lost; None for all. lost: how many would be
    lost. added: how many are new. changed: how many stay, get another value, and are not among the lost.
    """

    existing: int
    at_risk: int | None = None
    lost: int = 0
    added: int = 0
    changed: int = 0


@dataclass(frozen=True, kw_only=True)
class _Share:
    """One number of an effect beside its limit.

    limit: its name. count: of whole. deed: what would happen to them, for the message. cause: what to look for.
    """

    limit: str
    percent: float
    count: int
    whole: int
    deed: str
    cause: str

    @property
    def allowed(self) -> float:
        return max(ALWAYS_ALLOWED, self.whole * self.percent / 100)

    @property
    def is_exceeded(self) -> bool:
        """Nothing exceeds a limit where nothing is yet: on a first run there is nothing to compare with."""
        return self.whole > 0 and self.count > self.allowed

    @property
    def headroom(self) -> float:
        """The part of what is allowed that the run leaves unused, in per cent; below zero if it exceeds the limit."""
        if self.whole == 0 or self.count <= ALWAYS_ALLOWED:
            return FULL_HEADROOM
        return FULL_HEADROOM - 100 * self.count / self.allowed

    @property
    def needed_percent(self) -> int:
        """The limit, a whole number, with which the run would pass."""
        return math.ceil(100 * self.count / self.whole)

    def __str__(self) -> str:
        return f"{self.deed}, more than the {self.allowed:.0f} allowed ({self.percent:g} %)"


def check_guard_rails(effects: Mapping[str, Effect], limits: Limits, *, loss: str = "remove") -> dict[str, float]:
    """Raise GuardRail if a run would do more than its limits allow. Return the headroom that it leaves.

    effects: by the name of the table, index or field. loss: what would happen to the lost, for the message. One error
    names all limits that the run exceeds, so that it can be repeated with all of them lifted.

    The headroom is the part of a limit that the run leaves unused, in per cent, by the name of the limit: where it is
    smallest, among all effects. Up to 100 rows use nothing of it, because they are always allowed.
    """
    shares = {what: list(_shares(effect, limits, loss)) for what, effect in effects.items()}
    headroom = _smallest_headroom(share for each in shares.values() for share in each)
    exceeded = {what: each for what, all_of in shares.items() if (each := [one for one in all_of if one.is_exceeded])}
    if not exceeded:
        return headroom
    texts = [f"{what}: this run would {' and '.join(map(str, each))}" for what, each in exceeded.items()]
    others = f"; and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    every = [share for each in exceeded.values() for share in each]
    causes = " and for ".join(dict.fromkeys(share.cause for share in every))
    raise GuardRail(
        f"{'; '.join(texts[:NAMED])}{others}. Check for {causes}. If the numbers are right, as on a first run, after a "
        f"bulk import or after a long outage, repeat the run with {_lifted(every)}.",
        headroom,
    )


def full_headroom() -> dict[str, float]:
    """The headroom of a run that uses nothing of its limits."""
    return {limit.name: FULL_HEADROOM for limit in fields(Limits)}


def _smallest_headroom(shares: Iterable[_Share]) -> dict[str, float]:
    headroom = full_headroom()
    for share in shares:
        headroom[share.limit] = round(min(headroom[share.limit], share.headroom), 1)
    return headroom


def _shares(effect: Effect, limits: Limits, loss: str) -> Iterator[_Share]:
    at_risk = effect.existing if effect.at_risk is None else effect.at_risk
    yield _Share(
        limit="maximum_removed_percent",
        percent=limits.maximum_removed_percent,
        count=effect.lost,
        whole=at_risk,
        deed=f"{loss} {effect.lost} of {at_risk}",
        cause="an empty or broken source table",
    )
    yield _Share(
        limit="maximum_added_percent",
        percent=limits.maximum_added_percent,
        count=effect.added,
        whole=effect.existing,
        deed=f"add {effect.added} to {effect.existing}",
        cause="rows of a source table that were loaded twice",
    )
    yield _Share(
        limit="maximum_changed_percent",
        percent=limits.maximum_changed_percent,
        count=effect.changed,
        whole=effect.existing,
        deed=f"change {effect.changed} of {effect.existing}",
        cause="a source column that was overwritten",
    )


def _lifted(exceeded: list[_Share]) -> str:
    """The values with which the run would pass: of a limit with a maximum, that maximum."""
    maximums = {limit.name: limit.metadata["maximum"] for limit in fields(Limits)}
    needed: dict[str, float] = {}
    for share in exceeded:
        needed[share.limit] = maximums[share.limit] or max(share.needed_percent, needed.get(share.limit, 0))
    return " and ".join(f"{name} = {percent}" for name, percent in needed.items())
