"""Airflow plugin: the start of a scheduler in the recovery window triggers recovery."""

from airflow.plugins_manager import AirflowPlugin

from sync_airflow import restart_listener


class RecoveryAtRestart(AirflowPlugin):
    """Registers the listener; see there."""

    name = "recovery_at_restart"
    listeners = (restart_listener,)
