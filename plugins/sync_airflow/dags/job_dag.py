"""The DAG of a job, from its row in the table of jobs."""

from airflow.sdk import DAG

from sync_airflow import task_defaults
from sync_airflow.dags.manuals import job_manual
from sync_airflow.dags.parameters import job_params
from sync_airflow.dags.schedule import daily
from sync_airflow.messages.announcements import announce_failure, announce_untold_failure
from sync_airflow.tasks.follow_on_jobs import RUN_NEXT_JOB, RunNextJobOperator
from sync_airflow.tasks.job_operator import RUN_JOB, JobOperator
from sync_airflow.tasks.sensors import NightlyJobSensor, wait_task_id
from sync_jobs.catalogue import Job, index_build_before, upstream_jobs


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
        tags=[*task_defaults.TAGS, job.kind],
        on_failure_callback=announce_untold_failure,
        default_args={"owner": task_defaults.OWNER, "on_failure_callback": announce_failure},
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


def wait_for(job: Job, upstream: Job, *, whatever_end: bool = False) -> NightlyJobSensor:
    """The task with which a job waits for an earlier one of the same night."""
    return NightlyJobSensor(
        task_id=wait_task_id(upstream),
        task_display_name=f"wait for {upstream.name}",
        job_name=job.name,
        upstream_name=upstream.name,
        whatever_end=whatever_end,
    )
