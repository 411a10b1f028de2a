"""The DAGs, their schedules, forms and manuals. May import sync_airflow.tasks and everything that tasks may import."""
