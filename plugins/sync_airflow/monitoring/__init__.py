"""What monitoring sees of the jobs: metrics, spans of index builds, and whether Airflow's settings let them through.

Must not import sync_airflow.dags or sync_airflow.tasks.
"""
