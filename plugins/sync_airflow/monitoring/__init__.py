"""What monitoring sees of the jobs: metrics, and spans of index builds.

    measurements, metrics      what is measured; the table of metrics
    emission, spans            how metrics and spans are sent, through Airflow's own
    settings_check, listener   whether Airflow's settings let them through; a line in the log at a start if not

Must not import sync_airflow.dags or sync_airflow.tasks.
"""
