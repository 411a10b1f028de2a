"""Writes the tables of docs/operations.md that are made from the table of jobs, between their markers.

PYTHONPATH=plugins python docs/write_order.py
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sync_jobs.catalogue import JOBS, Job, index_build_before, jobs_to_run_after, jobs_waiting_for, upstream_jobs

RUN_BOOK = Path(__file__).with_name("operations.md")


def with_tables(text: str) -> str:
    """The text of the run-book with its tables up to date. Raises ValueError if a marker is missing."""
    for name, table in (("jobs", jobs_table()), ("order", order_table())):
        marked = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        text, found = marked.subn(lambda match, table=table: f"{match[1]}\n{table}\n{match[2]}", text)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"{RUN_BOOK.name}: expected one place for the table {name!r}, found {found}")
    return text


def jobs_table() -> str:
    """When each job runs, what it writes, and what happens after a missed night."""
    rows = [
        (f"{job.at:%H:%M}", job.name, f"`{job.dag_id}`", f"{job.writes}, {job.kind}", missed_night(job)) for job in JOBS
    ]
    return markdown(("UTC", "job", "DAG", "writes", "after a missed night"), rows)


def order_table() -> str:
    """What each job waits for at night, which jobs are cleared with it, and which follow a manual run."""
    rows = [(job.name, waits_for(job), names(jobs_waiting_for(job)), names(jobs_to_run_after(job))) for job in JOBS]
    head = ("job", "waits at night for", "jobs that are cleared after it", "follow-on jobs of a manual run")
    return markdown(head, rows)


def missed_night(job: Job) -> str:
    return "the next run covers every missed date" if job.covers_missed_nights else "the next run repairs it"


def waits_for(job: Job) -> str:
    build = index_build_before(job)
    return f"the end of {build.name}, success or failure" if build else names(upstream_jobs(job))


def names(jobs: Iterable[Job]) -> str:
    return ", ".join(job.name for job in jobs)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


if __name__ == "__main__":
    RUN_BOOK.write_text(with_tables(RUN_BOOK.read_text(encoding="utf-8")), encoding="utf-8")
