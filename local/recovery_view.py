"""Shows a recovery on a terminal or in a log: the progress of each job, then a table of the results."""

from collections.abc import Mapping
from datetime import datetime

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.airflow_api import Json
from local.recovery_run import ENDED, JobResult
from sync_airflow.night.sentences import in_words
from sync_jobs.catalogue import JOBS
from sync_jobs.report import COUNTS, label

COLOURS = {"success": "green", "failed": "bold red", "upstream_failed": "red", "skipped": "yellow", "running": "cyan"}
NAME_WIDTH = max(len(job.name) for job in JOBS)
TABLE_WIDTH = 140  # on a narrower terminal the table wraps, so that no digit is lost


class Progress:
    """Shows the progress of a recovery. Call it with the tasks of its run, by id, at each poll.

    On a terminal it shows a list of all jobs and updates it; elsewhere it prints a line when a job starts or ends.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._states: dict[str, str | None] = {}
        self._live = Live(console=console, transient=True, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> "Progress":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, tasks: Mapping[str, Json]) -> None:
        if self._live:
            self._live.update(progress_list(tasks))
            return
        for job in JOBS:
            task = tasks.get(job.dag_id, {})
            state = task.get("state")
            if state != self._states.get(job.dag_id) and state in ("running", *ENDED):
                seconds = f" {task['duration']:6.1f} s" if state in ENDED and task.get("duration") else ""
                self._console.print(f"{job.name:{NAME_WIDTH}} {state}{seconds}", highlight=False, soft_wrap=True)
                self._states[job.dag_id] = state


def progress_list(tasks: Mapping[str, Json]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for job in JOBS:
        task = tasks.get(job.dag_id, {})
        state = task.get("state") or "waiting"
        grid.add_row(job.name, Text(state, COLOURS.get(state, "dim")), _seconds_so_far(task))
    return grid


def _seconds_so_far(task: Json) -> str:
    start = task.get("start_date")
    if not start:
        return ""
    begin = datetime.fromisoformat(start)
    end = datetime.fromisoformat(task["end_date"]) if task.get("end_date") else datetime.now(begin.tzinfo)
    return f"{(end - begin).total_seconds():.0f} s"


def print_results(console: Console, results: list[JobResult]) -> None:
    """One line for each job; counts are rows or documents. A job without a report has no counts."""
    console.width = max(TABLE_WIDTH, console.width)  # print cannot be wider than the console
    console.print(result_table(results), crop=False)


def result_table(results: list[JobResult]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("job", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for name in (*COUNTS, "seconds"):
        table.add_column(label(name), justify="right", no_wrap=True)
    for result in results:
        report = result.report or {}
        counts = [f"{report[name]:,}" if name in report else "" for name in COUNTS]
        seconds = f"{report['seconds']:.1f}" if "seconds" in report else ""
        table.add_row(result.job.name, Text(result.state, COLOURS.get(result.state, "")), *counts, seconds)
    return table


def failure_lines(results: list[JobResult]) -> list[str]:
    """For each job that did not succeed: the reason, and the path of its log."""
    lines = []
    for result in results:
        if result.state != "success":
            lines.append(f"{result.job.name} {result.state}: {result.reason or 'no reason was recorded'}")
            if result.log:
                lines.append(f"  Its log: {result.log}")
    return lines


def outcome(results: list[JobResult], state: str) -> str:
    """One sentence on the whole recovery; state: of its run."""
    failed = [f"{result.job.name} ({result.state})" for result in results if result.state != "success"]
    if failed:
        return f"{len(failed)} of {len(results)} jobs did not succeed: {', '.join(failed)}."
    succeeded = f"All {in_words(len(results))} jobs succeeded"
    return f"{succeeded}." if state == "success" else f"{succeeded}, but the run of DAG recovery ended as {state}."
