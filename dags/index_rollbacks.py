"""The rollbacks of the search indices, one DAG for each index."""

from sync_airflow.dags.index_rollback import build_index_rollback_dag
from sync_jobs.index_definitions import INDEX_DEFINITIONS

for definition in INDEX_DEFINITIONS:
    dag = build_index_rollback_dag(definition)
    globals()[dag.dag_id] = dag
