"""Airflow plugin: a process of Airflow that starts logs which metrics, spans and messages are lost."""

from airflow.plugins_manager import AirflowPlugin

from sync_airflow.monitoring import listener


class MonitoringAtStart(AirflowPlugin):
    """Registers sync_airflow.monitoring.listener."""

    name = "monitoring_at_start"
    listeners: list[object] = [listener]  # noqa: RUF012
