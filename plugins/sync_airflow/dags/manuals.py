"""The operator's manual of each DAG (its doc_md), written from the table of jobs."""

from datetime import time

from sync_airflow.dag_ids import index_alarm_id
from sync_jobs.catalogue import (
    JOBS,
    Job,
    build_job,
    index_build_before,
    jobs_to_run_after,
    jobs_waiting_for,
    upstream_jobs,
)
from sync_jobs.search.definition import IndexDefinition


def job_manual(job: Job) -> str:
    """What an operator needs to know of a job: when, what, what it waits for, what follows, what if it failed."""
    lines = [
        f"### {job.name}",
        "",
        job.summary,
        "",
        f"- **When**: every night at {job.at:%H:%M} UTC, and whenever it is started by hand.",
        f"- **Writes**: {job.writes} ({job.kind}).",
        f"- **Waits for**, in the night: {_waits_for(job)}",
        f"- **After it**, when run by hand: {_then_runs(job)}",
        f"- **A missed night**: {_missed_night(job)}",
        "",
        "#### By hand",
        "",
        "It waits for no other job. While a run is at work, a second one is queued behind it.",
        "",
        "| param | meaning |",
        "|---|---|",
        "| `run_date` | the date that the run is for; empty: today in UTC; a logical date is only a label |",
        f"| `run_follow_on_jobs` | {_run_follow_on_jobs(job)} |",
        "| `dry_run` | everything but the write: the report says what would change; nothing runs after it |",
        "| `maximum_removed_percent` | the run stops before it writes if it would remove more than this |",
    ]
    if job.takes_date_override:
        lines.append(
            "| `date_override` | whose status is looked at: a date, `ANY` for everybody with a membership, `NONE` for "
            "the date in the variable date_of_change_override; empty: those of the run date |"
        )
    lines += [
        "",
        "#### If it failed",
        "",
        "1. The last lines of the log of `run_job` say what was expected, what was found and what to do. "
        "What passes by itself has been tried again three times by then.",
        "2. Nothing is half done: readers still see what was there before.",
        f"3. Once repaired, {_repeat(job)}",
        "",
    ]
    return "\n".join(lines)


def recovery_manual() -> str:
    """What recovery does, and how to read how it went."""
    order = "\n".join(f"{number}. {job.name}{_after(job)}" for number, job in enumerate(JOBS, start=1))
    return f"""### recovery

Runs all jobs one after the other, whatever has run already tonight. Every job is safe to repeat.
Each is a run of its own DAG, where its log and its report are. It is started by hand, and by each start of the
scheduler in the recovery window (00:00 to 07:00 UTC, unless set otherwise) while no run of it is queued or running;
while this DAG is paused, by neither.

{order}

A job whose upstream did not succeed is skipped; the others still run. The task `summary` then fails the run, and its
log says which jobs are to be run again, in which order, and why.

| param | meaning |
|---|---|
| `run_date` | the date that all jobs are for; empty: the UTC date on which this run starts |
| `maximum_removed_percent` | each job stops before it writes if it would remove more than this |
"""


def index_alarm_manual(definition: IndexDefinition, at: time | None) -> str:
    """When the alarm checks what, and what to do when it fails. at: UTC; None for no schedule."""
    job = build_job(definition)
    when = f"every day at {at:%H:%M} UTC" if at else "by hand alone, as its time is set off"
    return f"""### {index_alarm_id(definition)}

Checks the index behind the alias `{definition.alias}`, {when}. If it was not built since midnight UTC, or if
Elasticsearch does not answer, the alarm fails and sends a message. It also fails after a night in which nothing ran at
all. But nothing inside Airflow can tell that Airflow itself is down: see the README, "Alarm".

#### If it failed

1. Its log says which index was found and when that was built. Search works on it, as of that time.
2. See in the DAG of {job.name} whether it ran, and why it failed, or whether it still runs.
3. Run `recovery`, or {job.name} by hand. Then clear the failed task: it looks again.
"""


def rollback_manual(definition: IndexDefinition) -> str:
    """When to roll back, and what that does."""
    return f"""### {definition.rollback_name}

For a search index that is wrong although its build succeeded. The indices of the builds before are kept (two, see
docs/index-settings.md). `direction` *back* puts the one built before the live one behind the alias
`{definition.alias}`, *forth* the one built after it. Readers see one or the other, complete.

No edit is lost: before the swap, every person whose documents are not what PostgreSQL says, by the date that the index
was built for, is written anew; what is edited meanwhile is covered right after it. So what PostgreSQL has wrong is
wrong in both.

It is refused while a build is at work, if there is no index to go to, and if the index would lose more than
`maximum_removed_percent` of its documents. The next build takes the place of the index gone back to.

| param | meaning |
|---|---|
| `direction` | `back` or `forth` |
| `dry_run` | report which index it would be and what it takes to bring it up to date; nothing is written |
| `maximum_removed_percent` | it stops before the swap if the index would lose more than this |
"""


def _names(jobs: tuple[Job, ...]) -> str:
    return ", ".join(job.name for job in jobs)


def _after(job: Job) -> str:
    return f" (only if these succeeded: {_names(upstream_jobs(job))})" if upstream_jobs(job) else ""


def _waits_for(job: Job) -> str:
    build = index_build_before(job)
    if build:
        return f"the end of {build.name}, good or bad: it then makes anew the documents of those it changed."
    if upstream_jobs(job):
        return f"success of {_names(upstream_jobs(job))}. If one fails, this job fails and does not touch anything."
    return "nothing."


def _then_runs(job: Job) -> str:
    after = jobs_to_run_after(job)
    if after:
        return f"{_names(after)}, one after the other, each if the one before succeeded."
    if index_build_before(job):
        return "nothing; it brings the search index up to date itself."
    return "nothing."


def _run_follow_on_jobs(job: Job) -> str:
    return "whether the jobs that follow run after it" if jobs_to_run_after(job) else "no job follows: no difference"


def _missed_night(job: Job) -> str:
    if job.covers_missed_nights:
        return "the next run for its own night covers every date since the last one that succeeded."
    return "the next run repairs it, as it looks at the present."


def _repeat(job: Job) -> str:
    waiting = jobs_waiting_for(job)
    if waiting:
        return (
            "clear its failed task with all that is downstream: once it has succeeded, the same night's runs of "
            f"{_names(waiting)} are cleared, too, one after the other. Or run it by hand, which runs what follows, too."
        )
    return "clear its failed task with all that is downstream, or run it by hand."
