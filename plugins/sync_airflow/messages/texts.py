"""The texts of the messages, in Slack's markup: numbers, ids and names of jobs, never names of persons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sync_jobs.report import COUNTS, label

# Notifies everyone in the channel.
TO_THE_CHANNEL = "<!channel>"

# Slack accepts a few thousand characters, which is too much to read.
MAXIMUM_REASON = 1000


def started(name: str, run_date: date, run_id: str, *, dry_run: bool) -> str:
    """A job has started. name: the display name of its DAG."""
    return f"*{escape(name)}* started for {run_date}{_dry(dry_run)}: {escape(run_id)}"


def finished(name: str, report: Mapping[str, Any]) -> str:
    """A job has succeeded. report: made by sync_jobs.report.Report.as_dict. A warning in it notifies the channel."""
    counts = ", ".join(f"{report[count]:,} {label(count)}" for count in COUNTS)
    head = f"*{escape(name)}* finished for {report['run_date']}{_dry(report['dry_run'])}"
    text = f"{head} in {report['seconds']:.1f} s: {counts}"
    return f"{TO_THE_CHANNEL} {text}. {escape(report['warning'])}" if report["warning"] else text


def failed(name: str, task_id: str, reason: str, log_url: str) -> str:
    """A task has failed for good."""
    reason = escape(reason if len(reason) <= MAXIMUM_REASON else f"{reason[:MAXIMUM_REASON]}…")
    return f"{TO_THE_CHANNEL} *{escape(name)}* failed: {reason}\n<{log_url}|Log of {escape(task_id)}>"


def missing(name: str, tick: str, run_id: str, replacement: str) -> str:
    """A scheduled run is missing, because another run has its logical date."""
    return (
        f"{TO_THE_CHANNEL} *{escape(name)}*: there is no scheduled run of {tick}, because the run {escape(run_id)} has "
        f"its logical date. The run {escape(replacement)} replaces it. Start manual runs without a logical date."
    )


def recovered(run_date: date, jobs: int) -> str:
    """Recovery has finished and every job succeeded."""
    return f"*Recovery* finished for {run_date}: all {jobs} jobs succeeded"


def escape(text: str) -> str:
    """The text without anything that Slack would read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _dry(dry_run: bool) -> str:
    return " (dry run: nothing is written)" if dry_run else ""
