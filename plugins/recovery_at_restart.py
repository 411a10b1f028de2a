"""Airflow plugin: a scheduler that starts in the recovery window triggers recovery."""

from airflow.plugins_manager import AirflowPlugin

from sync_airflow.restart import listener


class RecoveryAtRestart(AirflowPlugin):
    """Registers sync_airflow.restart.listener."""

    name = "recovery_at_restart"
    listeners: list[object] = [listener]  # noqa: RUF012
