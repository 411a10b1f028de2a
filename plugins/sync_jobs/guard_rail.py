"""The guard rail: a broken source must not empty what the jobs own (docs/design.md, "Guard rails")."""

from sync_jobs.errors import GuardRail

# The limit of a job that sets no other, in per cent of what exists.
DEFAULT_MAXIMUM_REMOVED_PERCENT = 20.0

# A run may always remove this many, however small the table is.
ALWAYS_ALLOWED_REMOVALS = 100


def check_guard_rail(
    what: str, removed: int, existing: int, maximum_removed_percent: float, *, loss: str = "remove"
) -> None:
    """Raise GuardRail if a run would remove more rows or documents than its limit allows.

    maximum_removed_percent: 0 to 100, of what exists now. loss: what would happen to them, for the message.
    """
    allowed = max(ALWAYS_ALLOWED_REMOVALS, existing * maximum_removed_percent / 100)
    if removed > allowed:
        raise GuardRail(
            f"{what}: this run would {loss} {removed} of {existing}, more than the {allowed:.0f} allowed "
            f"({maximum_removed_percent:g} %). Look for an empty or broken source table. If the numbers are right, "
            "as they may be at a first run or after a long outage, run once more with maximum_removed_percent = 100."
        )
