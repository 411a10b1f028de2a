"""The alarm in the morning: has the search index been rebuilt this night?"""

from sync_airflow.dags.index_alarm import build_index_alarm_dag

persons_index_alarm = build_index_alarm_dag()
