"""Recovery after a restart.

    listener           notices the start of the scheduler, and starts recovery_trigger as a process
    recovery_trigger   triggers recovery, once
    exclusive_start    starts a run of a DAG only if none is active

Must not import sync_airflow.dags: the scheduler imports this package when it starts.
"""
