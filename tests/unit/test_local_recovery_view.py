"""The table at the end of `make run`."""

from io import StringIO

from rich.console import Console

from local.recovery_run import JobResult
from local.recovery_view import print_results
from sync_jobs.catalogue import JOBS

COUNTS = {"read": 1_234_567, "added": 7_654_321, "changed": 12, "removed": 3, "unchanged": 999_999, "seconds": 12.34}


def shown(results: list[JobResult], width: int) -> list[str]:
    console = Console(file=StringIO(), width=width)
    print_results(console, results)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_no_name_and_no_digit_is_lost_where_there_are_few_columns() -> None:
    lines = shown([JobResult(job, "success", COUNTS) for job in JOBS], width=80)
    for job, line in zip(JOBS, lines[1:], strict=True):
        assert line.split() == [job.name, "success", "1,234,567", "7,654,321", "12", "3", "999,999", "12.3"]


def test_a_job_without_report_has_no_counts() -> None:
    (_, line) = shown([JobResult(JOBS[0], "failed")], width=80)
    assert line.split() == [JOBS[0].name, "failed"]
