"""The nightly jobs: one DAG for each row of the table of jobs (sync_jobs.catalogue)."""

from sync_airflow.dags.job_dag import build_job_dag
from sync_jobs.catalogue import JOBS

for job in JOBS:
    globals()[job.dag_id] = build_job_dag(job)
