"""Recovery after a restart: the listener in the scheduler, and the process that triggers recovery once.

Must not import sync_airflow.dags: the scheduler imports this package when it starts.
"""
