"""What holds for every task and DAG alike: owner, retries, time limits, states. Durations are timedeltas."""

from datetime import timedelta
from typing import Any

OWNER = "TIS Sync"
TAGS = ("tis-sync",)

# What can pass by itself (a connection lost, a busy cluster) is tried again three times within minutes.
# A mistake is not: the task fails at once (AirflowFailException).
RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,  # each wait is about twice as long as the one before
    "max_retry_delay": timedelta(minutes=10),
}

# The longest that a job may take. The index of a million persons is built in minutes.
JOB_TIMEOUT = timedelta(hours=2)

# A task that only asks Airflow something, or starts a run, is done in seconds.
SHORT_TASK_TIMEOUT = timedelta(minutes=5)

# The first run ever of a DAG may be made this much after its tick; older ticks of a new DAG are left alone.
FIRST_RUN_GRACE = timedelta(minutes=5)

# How late a job upstream may be before those behind it give up: well into the working day.
WAIT_TIMEOUT = timedelta(hours=6)

# How often a sensor looks at the run it waits for.
POKE_INTERVAL = timedelta(seconds=10)

# How often a sensor looks at all else that may end its wait; each look is a task of a second.
LOOK_AGAIN_AFTER = timedelta(minutes=5)

# End states of a DAG run. An upstream run that failed ends a wait at once, instead of at its timeout.
ALLOWED_STATES = ("success",)
FAILED_STATES = ("failed",)

# Recovery runs eight jobs, each within JOB_TIMEOUT and its retries; a day is beyond any that works.
RECOVERY_TIMEOUT = timedelta(hours=20)
