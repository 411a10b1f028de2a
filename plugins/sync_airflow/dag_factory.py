"""DAGs from the table of jobs."""

from datetime import time
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, chain

from sync_airflow import policy
from sync_airflow.announcements import announce_failure, announce_untold_failure
from sync_airflow.follow_on import RUN_NEXT_JOB, RunNextJobOperator
from sync_airflow.job_operator import RUN_JOB, JobOperator
from sync_airflow.manual import job_manual, recovery_manual
from sync_airflow.recovery import RecoverJobOperator, SummaryOperator
from sync_airflow.sensors import NightlyJobSensor, wait_task_id
from sync_jobs.catalogue import JOBS, Job, index_build_before, jobs_to_run_after, upstream_jobs

# A date_override as far as a form can check it; that it is a date of the calendar, the job checks.
DATE_OVERRIDE_PATTERN = r"^\s*([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])|[Aa][Nn][Yy]|[Nn][Oo][Nn][Ee])?\s*$"


def build_job_dag(job: Job) -> DAG:
    """wait_for_<upstream>... -> run_job -> run_next_job, at the job's time every night and whenever asked for."""
    with DAG(
        dag_id=job.dag_id,
        dag_display_name=job.name,
        description=job.summary,
        doc_md=job_manual(job),
        schedule=daily(job.at),
        catchup=False,
        max_active_runs=1,
        params=job_params(job),
        tags=[*policy.TAGS, job.kind],
        on_failure_callback=announce_untold_failure,
        default_args={"owner": policy.OWNER, "on_failure_callback": announce_failure},
    ) as dag:
        # none_failed: a sensor that skips itself, as all do in a run by hand, keeps nothing from running.
        run_job = JobOperator(task_id=RUN_JOB, job_name=job.name, trigger_rule="none_failed")
        for upstream in upstream_jobs(job):
            # It reads what the upstream job writes: on stale tables it must not run.
            wait_for(job, upstream) >> run_job
        build = index_build_before(job)
        if build:
            # It refreshes documents in the live index after its write. A build that is at work meanwhile would
            # not have them; one that failed leaves the old index live, and that is refreshed then.
            wait_for(job, build, whatever_end=True) >> run_job
        # The jobs that follow read what this one has written: only after its success.
        run_job >> RunNextJobOperator(task_id=RUN_NEXT_JOB, job_name=job.name)
    return dag


def build_recovery_dag() -> DAG:
    """The eight jobs in the order of the table, then the summary; started by hand or at a restart, never by time."""
    with DAG(
        dag_id=policy.RECOVERY,
        dag_display_name="Recovery: all jobs in order",
        description="Runs all jobs one after the other, as runs of their own DAGs, and says what is to be run again.",
        doc_md=recovery_manual(),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=policy.RECOVERY_TIMEOUT,
        params=recovery_params(),
        tags=list(policy.TAGS),
        on_failure_callback=announce_untold_failure,
        default_args={"owner": policy.OWNER},
    ) as dag:
        # One after the other, because each may read what one before it wrote. The summary needs all to have ended.
        chain(*(RecoverJobOperator(job_name=job.name) for job in JOBS), SummaryOperator())
    return dag


def daily(at: time) -> CronTriggerTimetable:
    """Every day at that hour and minute in UTC; a DAG that is new or newly unpaused waits for the next one.

    run_immediately=False would not do: it runs a tick of the last tenth of the interval at once, so for more than
    two hours after each tick. Nor would no time at all: until a DAG has had a run, each reading of its file plans
    anew from the present, and one between the tick and the making of its run would lose the first night.
    With a start_date none of it has an effect, and the last tick runs at once.
    """
    return CronTriggerTimetable(f"{at.minute} {at.hour} * * *", timezone="UTC", run_immediately=policy.FIRST_RUN_GRACE)


def wait_for(job: Job, upstream: Job, *, whatever_end: bool = False) -> NightlyJobSensor:
    """The task with which a job waits for an earlier one of the same night."""
    return NightlyJobSensor(
        task_id=wait_task_id(upstream),
        task_display_name=f"wait for {upstream.name}",
        job_name=job.name,
        upstream_name=upstream.name,
        whatever_end=whatever_end,
    )


def job_params(job: Job) -> dict[str, Any]:
    """What a run by hand may be asked for, with the form that asks."""
    return {
        "run_date": run_date_param(),
        **({"date_override": date_override_param()} if job.takes_date_override else {}),
        "run_follow_on_jobs": run_follow_on_jobs_param(job),
        "dry_run": Param(
            default=False,
            type="boolean",
            title="Dry run",
            description="Do everything but the write, and report what would change. No job is run after it.",
        ),
        "maximum_removed_percent": maximum_removed_percent_param(job.maximum_removed_percent),
    }


def run_follow_on_jobs_param(job: Job) -> Param:
    """The same key for all jobs, so that one way to start a run fits all; where nothing follows, it says so."""
    names = ", ".join(other.name for other in jobs_to_run_after(job))
    return Param(
        default=True,
        type="boolean",
        title="Run the jobs that follow" if names else "Run the jobs that follow (none does)",
        description=(
            f"After success, run one after the other, by the same date: {names}."
            if names
            else "No job follows this one: it makes no difference."
        ),
    )


def recovery_params() -> dict[str, Any]:
    return {"run_date": run_date_param(), "maximum_removed_percent": maximum_removed_percent_param(None)}


def run_date_param() -> Param:
    return Param(
        default=None,
        type=["null", "string"],
        # In allOf, where the form does not look for it: its date picker counts a date that is typed by half, or is not
        # in the calendar, as none, and so would start a run for today. A line of text is judged as it stands.
        allOf=[{"format": "date"}],
        title="Run date",
        description=(
            "The date that the run is for, as YYYY-MM-DD. Empty: today in UTC. The Logical Date above is only a label."
        ),
    )


def date_override_param() -> Param:
    return Param(
        default="",
        type=["null", "string"],
        pattern=DATE_OVERRIDE_PATTERN,
        title="Date override",
        description=(
            "Whose status is looked at. A date (YYYY-MM-DD): those whose membership starts on it or ended the day "
            "before. ANY: everybody with a membership. NONE: by the date in the variable date_of_change_override. "
            "Empty: by the run date. Blanks around it do not matter. Anything else, and a day that is not in the "
            'calendar, is refused: "The date is not correct".'
        ),
    )


def maximum_removed_percent_param(default: float | None) -> Param:
    """None, for recovery: the limit that each job has of its own."""
    return Param(
        default=default,
        type="number" if default is not None else ["null", "number"],
        minimum=0,
        maximum=100,
        title="Most that may be removed, in per cent",
        description=(
            "Guard rail of this one run: if more of the rows or documents would go, or become INACTIVE, it stops "
            "before it writes. "
            "100 lets everything pass." + (" Empty: each job's own limit." if default is None else "")
        ),
    )
