"""The tasks of the DAGs: operators, sensors, triggers. May import sync_airflow.messages, but not sync_airflow.dags."""
