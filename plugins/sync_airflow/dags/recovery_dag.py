"""The recovery DAG: all jobs in order."""

from airflow.sdk import DAG, chain

from sync_airflow import task_defaults
from sync_airflow.dag_ids import RECOVERY
from sync_airflow.dags.manuals import recovery_manual
from sync_airflow.dags.parameters import recovery_params
from sync_airflow.messages.announcements import announce_untold_failure
from sync_airflow.tasks.recovery import RecoverJobOperator, SummaryOperator
from sync_jobs.catalogue import JOBS


def build_recovery_dag() -> DAG:
    """The eight jobs in the order of the table, then the summary; started by hand or at a restart, never by time."""
    with DAG(
        dag_id=RECOVERY,
        dag_display_name="Recovery: all jobs in order",
        description="Runs all jobs one after the other, as runs of their own DAGs, and says what is to be run again.",
        doc_md=recovery_manual(),
        schedule=None,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=task_defaults.RECOVERY_TIMEOUT,
        params=recovery_params(),
        tags=list(task_defaults.TAGS),
        on_failure_callback=announce_untold_failure,
        default_args={"owner": task_defaults.OWNER},
    ) as dag:
        # One after the other, because each may read what one before it wrote. The summary needs all to have ended.
        chain(*(RecoverJobOperator(job_name=job.name) for job in JOBS), SummaryOperator())
    return dag
