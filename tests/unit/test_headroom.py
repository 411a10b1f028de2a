"""The headroom of the guard rails: how much of its limits a run leaves unused."""

import pytest

from sync_jobs.errors import GuardRail
from sync_jobs.guard_rail import Effect, Limits, check_guard_rails, full_headroom

LIMITS = Limits(maximum_removed_percent=20, maximum_added_percent=50, maximum_changed_percent=30)


def test_a_run_without_effects_uses_nothing() -> None:
    assert check_guard_rails({}, LIMITS) == full_headroom()
    assert check_guard_rails({"t": Effect(existing=10_000)}, LIMITS) == full_headroom()


def test_each_limit_has_its_own_headroom() -> None:
    effect = Effect(existing=10_000, lost=500, added=2500, changed=300)
    assert check_guard_rails({"t": effect}, LIMITS) == {
        "maximum_removed_percent": 75.0,
        "maximum_added_percent": 50.0,
        "maximum_changed_percent": 90.0,
    }


def test_the_smallest_headroom_of_all_tables_and_fields_counts() -> None:
    effects = {"t": Effect(existing=10_000, lost=500), "f": Effect(existing=1000, lost=190)}
    assert check_guard_rails(effects, LIMITS)["maximum_removed_percent"] == 5.0


def test_up_to_100_rows_and_a_first_run_use_nothing() -> None:
    effects = {"t": Effect(existing=200, lost=100, changed=100), "f": Effect(existing=0, added=10_000)}
    assert check_guard_rails(effects, LIMITS) == full_headroom()


def test_the_error_of_a_guard_rail_has_the_headroom_which_is_below_zero() -> None:
    with pytest.raises(GuardRail) as caught:
        check_guard_rails({"t": Effect(existing=1000, lost=500)}, LIMITS)
    assert caught.value.headroom == full_headroom() | {"maximum_removed_percent": -150.0}
