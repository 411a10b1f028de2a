"""Airflow's scheduler, with the modules that tasks need imported before it starts its workers.

    python -m local.airflow_scheduler scheduler --skip-serve-logs    (arguments as for the command airflow)

LocalExecutor forks its workers from the scheduler, and a worker forks a process for each task. Without this, each run
of a job spends a second of processor time on importing the hooks of PostgreSQL and Elasticsearch.
"""

import runpy
from importlib import import_module

NEEDED_BY_TASKS = (
    "airflow.providers.elasticsearch.hooks.elasticsearch",
    "airflow.providers.postgres.hooks.postgres",
    "airflow.sdk.execution_time.task_runner",
    "sync_airflow.dags.job_dag",
    "sync_airflow.dags.recovery_dag",
    "sync_jobs.runner",
)

if __name__ == "__main__":
    for module in NEEDED_BY_TASKS:
        import_module(module)
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)
