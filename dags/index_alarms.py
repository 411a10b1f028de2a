"""The morning alarms, one DAG for each index: was it rebuilt this night?"""

from sync_airflow.dags.index_alarm import build_index_alarm_dag
from sync_jobs.index_definitions import INDEX_DEFINITIONS

for definition in INDEX_DEFINITIONS:
    dag = build_index_alarm_dag(definition)
    globals()[dag.dag_id] = dag
