"""Recovery: all jobs one after the other, after a restart or an outage."""

from sync_airflow.dags.recovery_dag import build_recovery_dag

recovery = build_recovery_dag()
