"""The words of the messages to the channel, in Slack's markup. Numbers and ids only: no name of a person ever."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

# What a report counts, in the order in which it is told.
COUNTS = ("read", "added", "changed", "removed", "unchanged", "rejected")

# Addresses everybody in the channel, not only those who happen to look.
TO_THE_CHANNEL = "<!channel>"

# Slack takes no more than some thousands of characters; nobody reads as many.
MAXIMUM_REASON = 1000


def started(name: str, run_date: date, run_id: str, *, dry_run: bool) -> str:
    """A job has begun. name: the operators' name of it."""
    return f"*{escape(name)}* started for {run_date}{_dry(dry_run)}: {escape(run_id)}"


def finished(name: str, report: Mapping[str, Any]) -> str:
    """A job has ended well. report: as sync_jobs.report.Report.as_dict gives it."""
    counts = ", ".join(f"{report[count]:,} {count}" for count in COUNTS)
    head = f"*{escape(name)}* finished for {report['run_date']}{_dry(report['dry_run'])}"
    return f"{head} in {report['seconds']:.1f} s: {counts}"


def failed(name: str, task_id: str, reason: str, log_url: str) -> str:
    """A task has failed for good, and whatever waits for it does not run."""
    reason = escape(reason if len(reason) <= MAXIMUM_REASON else f"{reason[:MAXIMUM_REASON]}…")
    return f"{TO_THE_CHANNEL} *{escape(name)}* failed: {reason}\n<{log_url}|Log of {escape(task_id)}>"


def recovered(run_date: date, jobs: int) -> str:
    """Recovery has ended, and every job with it."""
    return f"*Recovery* finished for {run_date}: all {jobs} jobs succeeded, nothing is to be run again"


def escape(text: str) -> str:
    """So that Slack takes no part of it for markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _dry(dry_run: bool) -> str:
    return " (dry run, nothing is written)" if dry_run else ""
