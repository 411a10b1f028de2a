"""The way back to the search index of the build before."""

from sync_airflow.dags.index_rollback import build_rollback_dag

persons_index_rollback = build_rollback_dag()
