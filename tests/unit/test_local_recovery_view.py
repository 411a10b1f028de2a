"""How a recovery is shown: all digits of the table, the reason of each failure, one sentence at the end."""

import io
from pathlib import Path

from rich.console import Console

from local.recovery_run import JobResult
from local.recovery_view import Progress, failure_lines, outcome, print_results
from sync_airflow.night.sentences import in_words
from sync_jobs.catalogue import JOBS

REPORT = {
    "read": 1234567,
    "added": 0,
    "changed": 1000000,
    "removed": 7,
    "unchanged": 234560,
    "refreshed": 21,
    "left_out": 2,
    "seconds": 12.34,
}


def narrow_console() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=40), file


def test_no_digit_is_cut_off_on_a_narrow_terminal() -> None:
    console, file = narrow_console()
    print_results(console, [JobResult(job, "success", REPORT) for job in JOBS])
    lines = file.getvalue().splitlines()
    assert lines[0].split() == [
        "job",
        "state",
        "read",
        "added",
        "changed",
        "removed",
        "unchanged",
        "refreshed",
        "left",
        "out",
        "seconds",
    ]
    for job, line in zip(JOBS, lines[1:], strict=True):
        assert line.split() == [job.name, "success", "1,234,567", "0", "1,000,000", "7", "234,560", "21", "2", "12.3"]


def test_a_job_without_a_report_has_no_counts() -> None:
    console, file = narrow_console()
    print_results(console, [JobResult(JOBS[0], "failed", None, "it broke", Path("/log"))])
    assert file.getvalue().splitlines()[1].split() == [JOBS[0].name, "failed"]


def test_only_failures_are_listed_with_reason_and_log() -> None:
    results = [
        JobResult(JOBS[0], "success", REPORT),
        JobResult(JOBS[1], "failed", None, "it broke", Path("/log")),
        JobResult(JOBS[2], "skipped", None, f"it depends on {JOBS[1].name}, which did not succeed"),
    ]
    assert failure_lines(results) == [
        f"{JOBS[1].name} failed: it broke",
        "  Its log: /log",
        f"{JOBS[2].name} skipped: it depends on {JOBS[1].name}, which did not succeed",
    ]


def test_without_a_terminal_each_change_of_state_is_a_line() -> None:
    console, file = narrow_console()
    running = {JOBS[0].dag_id: {"state": "running"}}
    ended = {JOBS[0].dag_id: {"state": "success", "duration": 2.5}}
    with Progress(console) as progress:
        for tasks in ({}, running, running, ended, ended):
            progress(tasks)
    words = [line.split() for line in file.getvalue().splitlines()]
    assert words == [[JOBS[0].name, "running"], [JOBS[0].name, "success", "2.5", "s"]]


def test_the_outcome_is_one_sentence() -> None:
    succeeded = [JobResult(job, "success", REPORT) for job in JOBS]
    all_succeeded = f"All {in_words(len(JOBS))} jobs succeeded"
    assert outcome(succeeded, "success") == f"{all_succeeded}."
    assert outcome(succeeded, "failed") == f"{all_succeeded}, but the run of DAG recovery ended as failed."
    failed = [JobResult(JOBS[0], "failed"), *succeeded[1:-1], JobResult(JOBS[-1], "skipped")]
    assert outcome(failed, "failed") == (
        f"2 of {len(JOBS)} jobs did not succeed: {JOBS[0].name} (failed), {JOBS[-1].name} (skipped)."
    )
