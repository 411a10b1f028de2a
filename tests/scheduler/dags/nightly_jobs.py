"""The project's DAGs at times that a test chooses, with short waits and a gate in the index build.

NIGHT_OF_TEST: a file of JSON, DAG id -> time of day in UTC ("HH:MM"), read again with this file.
"""

import json
import os
from datetime import time, timedelta
from pathlib import Path

import gate  # noqa: F401, its import adds the gate to the build

from sync_airflow import task_defaults
from sync_airflow.dags.job_dag import build_job_dag
from sync_airflow.dags.recovery_dag import build_recovery_dag
from sync_jobs.catalogue import JOBS

task_defaults.RETRIES["retry_delay"] = timedelta(seconds=5)
task_defaults.POKE_INTERVAL = timedelta(seconds=1)
task_defaults.RECHECK_AFTER = timedelta(seconds=5)

times = json.loads(Path(os.environ["NIGHT_OF_TEST"]).read_text(encoding="utf-8"))
for job in JOBS:
    # The row is changed in place, so that modules that have already imported it get the new time, too.
    object.__setattr__(job, "at", time.fromisoformat(times[job.dag_id]))
    globals()[job.dag_id] = build_job_dag(job)

recovery = build_recovery_dag()
