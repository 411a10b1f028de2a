"""Airflow plugin: the start of a scheduler in the recovery window triggers recovery."""

from airflow.plugins_manager import AirflowPlugin

from sync_airflow.restart import listener


class RecoveryAtRestart(AirflowPlugin):
    """Registers the listener; see there."""

    name = "recovery_at_restart"
    listeners: list[object] = [listener]  # noqa: RUF012
