"""The recovery DAG: all jobs in order."""

from airflow.sdk import DAG, chain

from sync_airflow import task_defaults
from sync_airflow.dag_ids import RECOVERY
from sync_airflow.dags.manuals import recovery_manual
from sync_airflow.dags.parameters import airflow_params
from sync_airflow.messages.announcements import announce_unreported_failure
from sync_airflow.tasks.recovery import RecoverJobOperator
from sync_airflow.tasks.recovery_summary import SummaryOperator
from sync_jobs.catalogue import JOBS
from sync_jobs.parameters import recovery_parameters


def build_recovery_dag() -> DAG:
    """All jobs in the order of the table, then the summary. It has no schedule: a person or a restart starts it."""
    with DAG(
        dag_id=RECOVERY,
        dag_display_name="Recovery: all jobs in order",
        description="Runs all jobs one after the other, each as a run of its own DAG, and lists the jobs to run again.",
        doc_md=recovery_manual(),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=task_defaults.RECOVERY_TIMEOUT,
        params=airflow_params(recovery_parameters()),
        tags=list(task_defaults.TAGS),
        on_failure_callback=announce_unreported_failure,
        default_args={"owner": task_defaults.OWNER},
    ) as dag:
        # One after the other, because a job may read what an earlier one wrote. The summary comes after all of them.
        chain(*(RecoverJobOperator(job_name=job.name) for job in JOBS), SummaryOperator())
    return dag
