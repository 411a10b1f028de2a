"""The DAG of a job, from its row in the table of jobs."""

from airflow.sdk import DAG

from sync_airflow import task_defaults
from sync_airflow.dag_ids import RUN_JOB
from sync_airflow.dags.manuals import job_manual
from sync_airflow.dags.parameters import airflow_params
from sync_airflow.dags.schedule import daily
from sync_airflow.messages.announcements import announce_failure, announce_unreported_failure
from sync_airflow.tasks.follow_on_jobs import RUN_NEXT_JOB, RunNextJobOperator
from sync_airflow.tasks.job_operator import JobOperator
from sync_airflow.tasks.missing_runs import ReplaceMissingRunOperator
from sync_airflow.tasks.sensors import NightlyJobSensor, wait_task_id
from sync_jobs.catalogue import Job, index_build_before, upstream_jobs
from sync_jobs.parameters import job_parameters


def build_job_dag(job: Job) -> DAG:
    """wait_for_<upstream>... -> run_job -> run_next_job, at the job's time every night and in manual runs.

    After run_job also replace_missing_run, even if the job has failed. run_job skips what has no work in its run.
    """
    with DAG(
        dag_id=job.dag_id,
        dag_display_name=job.name,
        description=job.summary,
        doc_md=job_manual(job),
        schedule=daily(job.at),
        catchup=False,
        max_active_runs=1,
        params=airflow_params(job_parameters(job)),
        tags=[*task_defaults.TAGS, job.kind],
        on_failure_callback=announce_unreported_failure,
        default_args={"owner": task_defaults.OWNER, "on_failure_callback": announce_failure},
    ) as dag:
        # none_failed: in a manual run all sensors skip themselves, and the job must still run.
        run_job = JobOperator(task_id=RUN_JOB, job_name=job.name, trigger_rule="none_failed")
        for upstream in upstream_jobs(job):
            # It reads what the upstream job writes, and must not run on stale tables.
            wait_for(job, upstream) >> run_job
        build = index_build_before(job)
        if build:
            # After its write it refreshes documents in the live index. A build that runs at the same time would miss
            # them. After a failed build the previous index is still live, and its documents are refreshed.
            wait_for(job, build, any_end=True) >> run_job
        # Follow-on jobs read what this job has written, so they run only after its success.
        run_job >> RunNextJobOperator(task_id=RUN_NEXT_JOB, job_name=job.name)
        run_job >> ReplaceMissingRunOperator(job_name=job.name)
    return dag


def wait_for(job: Job, upstream: Job, *, any_end: bool = False) -> NightlyJobSensor:
    """The task that waits for an earlier job of the same night."""
    return NightlyJobSensor(
        task_id=wait_task_id(upstream),
        task_display_name=f"wait for {upstream.name} (at night only)",
        doc_md="A manual run waits for no other job, so it skips this task. This is expected.",
        job_name=job.name,
        upstream_name=upstream.name,
        any_end=any_end,
    )
