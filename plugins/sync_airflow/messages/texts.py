"""The texts of the messages: numbers, ids and names of jobs, never names of persons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from html import escape as escape_html
from typing import Any

from sync_jobs.report import COUNTS, label

# Notifies everyone in the channel.
TO_THE_CHANNEL = "<!channel>"

# Slack accepts a few thousand characters, which is too much to read.
MAXIMUM_REASON = 1000


@dataclass(frozen=True)
class Link:
    """label: its text for people."""

    url: str
    label: str


@dataclass(frozen=True)
class Message:
    """name: of what it is about, such as a job. text: what follows the name. urgent: somebody has to read it."""

    name: str
    text: str
    urgent: bool = False
    link: Link | None = None

    @property
    def slack(self) -> str:
        """In Slack's markup. An urgent message notifies the whole channel."""
        line = f"*{escape(self.name)}*{escape(self.text)}"
        link = f"\n<{self.link.url}|{escape(self.link.label)}>" if self.link else ""
        return f"{TO_THE_CHANNEL} {line}{link}" if self.urgent else f"{line}{link}"

    @property
    def plain(self) -> str:
        """Without markup."""
        link = f"\n{self.link.label}: {self.link.url}" if self.link else ""
        return f"{self.name}{self.text}{link}"

    @property
    def html(self) -> str:
        """One paragraph of HTML."""
        link = f'<br><a href="{escape_html(self.link.url)}">{escape_html(self.link.label)}</a>' if self.link else ""
        return f"<p><b>{escape_html(self.name)}</b>{escape_html(self.text)}{link}</p>"

    @property
    def subject(self) -> str:
        """One line, for the subject of an e-mail."""
        return f"{'URGENT: ' if self.urgent else ''}{self.name}"


def started(name: str, run_date: date, run_id: str, *, dry_run: bool) -> Message:
    """A job has started. name: the display name of its DAG."""
    return Message(name, f" started for {run_date}{_dry(dry_run)}: {run_id}")


def finished(name: str, report: Mapping[str, Any]) -> Message:
    """A job has succeeded. report: made by sync_jobs.report.Report.as_dict. A warning in it makes it urgent."""
    counts = ", ".join(f"{report[count]:,} {label(count)}" for count in COUNTS)
    head = f" finished for {report['run_date']}{_dry(report['dry_run'])}"
    text = f"{head} in {report['seconds']:.1f} s: {counts}"
    warning = report["warning"]
    return Message(name, f"{text}. {warning}" if warning else text, urgent=bool(warning))


def failed(name: str, task_id: str, reason: str, log_url: str) -> Message:
    """A task has failed for good."""
    reason = reason if len(reason) <= MAXIMUM_REASON else f"{reason[:MAXIMUM_REASON]}…"
    return Message(name, f" failed: {reason}", urgent=True, link=Link(log_url, f"Log of {task_id}"))


def missing(name: str, tick: str, run_id: str, replacement: str) -> Message:
    """A scheduled run is missing, because another run has its logical date."""
    return Message(
        name,
        f": there is no scheduled run of {tick}, because the run {run_id} has its logical date. The run {replacement} "
        "replaces it. Start manual runs without a logical date.",
        urgent=True,
    )


def recovered(run_date: date, jobs: int, verdict: str) -> Message:
    """Recovery has finished and every job succeeded. verdict: on the night, as the page says it."""
    which = "1 job" if jobs == 1 else f"all {jobs} jobs"
    return Message("Recovery", f" finished for {run_date}: {which} succeeded. {verdict}".rstrip())


def escape(text: str) -> str:
    """The text without anything that Slack would read as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _dry(dry_run: bool) -> str:
    return " (dry run: nothing is written)" if dry_run else ""
