"""The operator's manual of each DAG (its doc_md), made from the table of jobs and the table of parameters."""

from collections.abc import Iterable
from datetime import time

from sync_airflow.dag_ids import RECOVERY, index_alarm_id
from sync_jobs.catalogue import (
    JOBS,
    Job,
    Kind,
    build_job,
    index_build_before,
    jobs_to_run_after,
    jobs_waiting_for,
    upstream_jobs,
)
from sync_jobs.parameters import Parameter, job_parameters, recovery_parameters, rollback_parameters
from sync_jobs.search.definition import IndexDefinition

# What each kind of job does to what it writes (docs/domain.md, "The eight jobs").
KIND_IN_WORDS: dict[Kind, str] = {
    "rebuild": "the job works out everything that it owns",
    "append-only": (
        "it adds its rows to a table that the employing-body job has rebuilt, and never touches the rows of that job. "
        "It does remove rows of its own that no longer hold, so its report can count some as removed"
    ),
    "field update": "the job changes one column of some of the application's rows",
}


def job_manual(job: Job) -> str:
    """When a job runs, what it writes, what it waits for, its follow-on jobs, and what to do if it failed."""
    return f"""### {job.name}

{job.summary}

{_link(f"#job-{job.dag_id}")}

- **When**: every night at {job.at:%H:%M} UTC, and whenever it is triggered manually.
- **Writes**: {job.writes} ({job.kind}: {KIND_IN_WORDS[job.kind]}).
- **Waits for**, in the night: {_waits_for(job)}
- **Follow-on jobs** of a manual run: {_follow_on_jobs(job)}
- **A missed night**: {_missed_night(job)}

#### Manual run

A manual run waits for no other job. If another run of this job is running, it queues behind that one.

{parameter_table(job_parameters(job))}
#### If it failed

1. The last lines of the log of `run_job` say what was expected, what was found and what to do. Transient errors, such
   as a lost connection, have already been retried three times.
2. Readers never see half-written data. The last sentence of the error says what was written, if anything was.
3. After the repair, {_repeat(job)}
"""


def recovery_manual() -> str:
    """What recovery does, and how to read its result."""
    order = "\n".join(f"{number}. {job.name}{_condition(job)}" for number, job in enumerate(JOBS, start=1))
    return f"""### {RECOVERY}

{_link()}

Runs all jobs one after the other, even those that have already run this night. Every job is safe to repeat. Each job
runs in its own DAG, which has its log and its report.

Recovery has no schedule. It is triggered manually, and by each start of the scheduler in the recovery window (00:00 to
07:00 UTC by default), unless a run of it is queued or running. While this DAG is paused, recovery cannot start.

{order}

If a job fails, the jobs that need its result are skipped, and the others still run. The task `summary` then fails the
run; its log lists the jobs to run again, in order, with the reasons.

{parameter_table(recovery_parameters())}"""


def index_alarm_manual(definition: IndexDefinition, at: time | None) -> str:
    """What the alarm checks and when, and what to do if it fails. at: UTC; None for no schedule."""
    job = build_job(definition)
    when = f"every day at {at:%H:%M} UTC" if at else "only when triggered manually (its schedule is off)"
    return f"""### {index_alarm_id(definition)}

{_link()}

Checks the index behind the alias `{definition.alias}`, {when}. It fails and sends a message to the channel if
that index was not built since midnight UTC, or if Elasticsearch does not answer. So it also covers a night in which no
job ran at all. It cannot notice that Airflow itself is down: see docs/reference/messages-and-alarm.md, "Alarm".

#### If it failed

1. Its log says which index is live and when it was built. Search works, with the data of that time.
2. Open the DAG of {job.name}: did it run, why did it fail, or is it still running?
3. Run `{RECOVERY}`, or {job.name} manually. Then clear the failed task, which checks again.
"""


def rollback_manual(definition: IndexDefinition) -> str:
    """When to roll back, and what happens then."""
    return f"""### {definition.rollback_name}

{_link()}

Use it when last night's build succeeded but its search index is wrong. The indices of earlier builds are kept (two by
default, see docs/index-settings.md). `direction` *back* puts the index built before the live one behind the alias
`{definition.alias}`; *forward* puts the one built after it there. Readers see either index as a whole.

If the running definition (SQL and mapping) built the index, no edit is lost. Before the swap, it is brought up to date:
documents that differ from PostgreSQL are rewritten, for the run date that the index was built for. Edits made meanwhile
are added right after the swap. So data that is wrong in PostgreSQL is wrong in both indices.

If another definition built it, for example the one before the last release, its documents stay as built: the running
SQL may be what is wrong. The dry run says how many {definition.entity}s were edited since. With `documents` *edited*,
these are written by the running definition. A row that was only removed, such as a link, is not found then.

The rollback is refused while a build is running, if there is no index to roll back to, and if too many documents of the
index would be removed, added or rewritten: see the limits below. The next build replaces the index as on any night.

{parameter_table(rollback_parameters(build_job(definition).limits))}"""


def _link(place: str = "") -> str:
    """To the page at /sync/, relative to Airflow's address, to which the addresses in a manual are relative."""
    return f"[Was last night fine? The page of the nightly sync](sync/{place})"


def parameter_table(parameters: Iterable[Parameter]) -> str:
    """A Markdown table: name, values, default and explanation of each parameter."""
    rows = [(f"`{each.name}`", each.values, _value(each.default), each.explanation) for each in parameters]
    lines = [("parameter", "values", "default", "meaning"), ("---",) * 4, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "empty" if value in (None, "") else f"{value}"


def _names(jobs: tuple[Job, ...]) -> str:
    return ", ".join(job.name for job in jobs)


def _condition(job: Job) -> str:
    return f" (only after success of {_names(upstream_jobs(job))})" if upstream_jobs(job) else ""


def _waits_for(job: Job) -> str:
    build = index_build_before(job)
    if build:
        return f"the end of {build.name}, success or failure. Then it refreshes the documents of changed persons."
    if upstream_jobs(job):
        return f"success of {_names(upstream_jobs(job))}. If one fails, this job fails too and changes nothing."
    return "nothing."


def _follow_on_jobs(job: Job) -> str:
    after = jobs_to_run_after(job)
    if after:
        return f"{_names(after)}, one after the other, each after success of the one before."
    if index_build_before(job):
        return "none; the job itself updates the search index."
    return "none."


def _missed_night(job: Job) -> str:
    if job.covers_missed_nights:
        return "the next run of a night covers every date since the last success."
    return "the next run repairs it, because it computes the current state."


def _repeat(job: Job) -> str:
    waiting = jobs_waiting_for(job)
    if waiting:
        return (
            "clear its failed task with all downstream tasks. After its success, the runs of "
            f"{_names(waiting)} of the same night are cleared too, one after the other. Or run this job manually; its "
            "follow-on jobs then run as well."
        )
    return "clear its failed task with all downstream tasks, or run the job manually."
