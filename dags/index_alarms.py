"""The alarms in the morning, one for each index: was it rebuilt in this night?"""

from sync_airflow.dags.index_alarm import build_index_alarm_dag
from sync_jobs.index_definitions import INDEX_DEFINITIONS

for definition in INDEX_DEFINITIONS:
    dag = build_index_alarm_dag(definition)
    globals()[dag.dag_id] = dag
