"""The schedule of a DAG."""

from datetime import time

from airflow.sdk import CronTriggerTimetable

from sync_airflow import task_defaults


def daily(at: time) -> CronTriggerTimetable:
    """Every day at that hour and minute in UTC; a DAG that is new or newly unpaused waits for the next one.

    run_immediately=False would not do: it runs a tick of the last tenth of the interval at once, so for more than
    two hours after each tick. Nor would no time at all: until a DAG has had a run, each reading of its file plans
    anew from the present, and one between the tick and the making of its run would lose the first night.
    With a start_date none of it has an effect, and the last tick runs at once.
    """
    return CronTriggerTimetable(
        f"{at.minute} {at.hour} * * *", timezone="UTC", run_immediately=task_defaults.FIRST_RUN_GRACE
    )
