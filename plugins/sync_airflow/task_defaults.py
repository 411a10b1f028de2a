"""Defaults of all tasks and DAGs: owner, retries, time limits, states."""

from datetime import timedelta
from typing import Any

OWNER = "TIS Sync"
TAGS = ("tis-sync",)

# Errors that can pass (a lost connection, a busy cluster) are retried three times within minutes. Other errors fail the
# task at once (AirflowFailException).
RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,  # each delay is about twice as long as the one before
    "max_retry_delay": timedelta(minutes=10),
}

# Time limit of a job. The index of a million persons is built in minutes.
JOB_TIMEOUT = timedelta(hours=2)

# Time limit of a task that only queries Airflow or starts a run; it takes seconds.
SHORT_TASK_TIMEOUT = timedelta(minutes=5)

# How late the very first run of a DAG may be created. Older ticks of a new DAG are skipped.
FIRST_RUN_GRACE = timedelta(minutes=5)

# How long a sensor waits for an upstream job: well into the working day.
WAIT_TIMEOUT = timedelta(hours=6)

# How often a sensor checks the run that it waits for.
POKE_INTERVAL = timedelta(seconds=10)

# How long a task of recovery watches its run before it is deferred. Until then it occupies a worker slot, which its job
# may need: if no task of the run is at work after RECOVERY_START_PATIENCE, it is deferred at once.
RECOVERY_PATIENCE = timedelta(seconds=30)
RECOVERY_START_PATIENCE = timedelta(seconds=5)

# How often recovery checks the run that it waits for. It waits for one at a time, and most take seconds.
RECOVERY_POKE_INTERVAL = timedelta(seconds=0.25)

# How often a sensor checks everything else that may end its wait. Each check is a task of about a second.
RECHECK_AFTER = timedelta(minutes=5)

# End states of a DAG run. A failed upstream run ends a wait at once instead of at its timeout.
ALLOWED_STATES = ("success",)
FAILED_STATES = ("failed",)

# How long recovery waits for one job: four attempts within JOB_TIMEOUT, and the waits between them.
RECOVERY_WAIT_TIMEOUT = timedelta(hours=9)

# Recovery runs all jobs, each within JOB_TIMEOUT and its retries.
RECOVERY_TIMEOUT = timedelta(hours=20)
