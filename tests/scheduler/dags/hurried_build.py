"""The index build with a time limit of seconds."""

from datetime import timedelta

import gate  # noqa: F401, it puts itself into the build
from airflow.sdk import DAG

from sync_airflow.dag_ids import RUN_JOB
from sync_airflow.dags.parameters import airflow_params
from sync_airflow.tasks.job_operator import JobOperator
from sync_jobs.catalogue import find_job
from sync_jobs.parameters import job_parameters

job = find_job("PersonElasticSearchSyncJob")

with DAG("hurried_build", schedule=None, params=airflow_params(job_parameters(job))):
    task = JobOperator(task_id=RUN_JOB, job_name=job.name)
    # Long enough to load the index on a busy machine, after which the build waits at the gate.
    task.execution_timeout = timedelta(seconds=20)
    task.retries = 0
