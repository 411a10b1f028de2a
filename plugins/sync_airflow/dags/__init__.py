"""The DAGs.

    job_dag, recovery_dag, index_alarm, index_rollback    one function each that builds a DAG
    parameters, manuals, schedule                         their forms, manuals and times

May import sync_airflow.tasks and everything that tasks may import.
"""
