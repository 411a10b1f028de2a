"""The schedule of a DAG."""

from datetime import time

from airflow.sdk import CronTriggerTimetable

from sync_airflow import task_defaults


def daily(at: time) -> CronTriggerTimetable:
    """Every day at that hour and minute in UTC. A new or newly unpaused DAG waits for the next tick.

    run_immediately=False is not enough: it still runs a tick at once for a tenth of the interval, more than two hours.
    A grace period of zero is not enough either: until a DAG has its first run, every parsing of its file plans from the
    present, and a parsing between the tick and the creation of its run would lose the first night. With a start_date
    this has no effect, and the last tick runs at once.
    """
    return CronTriggerTimetable(
        f"{at.minute} {at.hour} * * *", timezone="UTC", run_immediately=task_defaults.FIRST_RUN_GRACE
    )
