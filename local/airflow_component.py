"""Airflow's command line, for a quick start of the stack.

    python -m local.airflow_component scheduler --skip-serve-logs    (arguments as for the command airflow)

A component of Airflow creates a million objects when it starts, and keeps most of them. With Python's own settings, the
search for garbage among them takes a tenth to a fifth of the processor time of the start. Here it is rare. Another
search, before the process ends, would take the API server four seconds of processor time. Here it finds nothing.

Scheduler and DAG processor first import what their children need: LocalExecutor forks its workers from the scheduler,
and a worker forks a process for each task. Without the imports, each run of a job spends a second of processor time on
importing the hooks of PostgreSQL and Elasticsearch. After a change below plugins, both have to be restarted.

The API server starts once the metadata database is set up, and the scheduler once the API server answers: a task that
starts earlier would lose an attempt. Both wait here, behind their imports, so that these take no time of their own.
"""

import atexit
import contextlib
import gc
import runpy
import sys
import time
from importlib import import_module

import httpx

# Imported before the start, by component. Scheduler and DAG processor fork a process for each task and each DAG file.
# The API server takes longest to start.
DAG_MODULES = tuple(
    f"sync_airflow.dags.{name}" for name in ("index_alarm", "index_rollback", "job_dag", "recovery_dag")
)
NEEDED = {
    "scheduler": (
        "airflow.cli.commands.scheduler_command",
        "airflow.jobs.scheduler_job_runner",
        "airflow.providers.elasticsearch.hooks.elasticsearch",
        "airflow.providers.postgres.hooks.postgres",
        "airflow.sdk.execution_time.task_runner",
        "sync_jobs.runner",
        *DAG_MODULES,
    ),
    "dag-processor": DAG_MODULES,
    "api-server": ("airflow.api_fastapi.app", "airflow.cli.commands.api_server_command", "airflow.utils.db"),
}

# New objects since the last search for garbage. Python's own threshold is 700.
GARBAGE_THRESHOLD = 300_000

# As long as the command that starts the stack waits (local.airflow.START_SECONDS).
PATIENCE_SECONDS = 180
POLL_SECONDS = 0.1


def wait_for_setup() -> None:
    """Wait until the metadata database is set up. Raises TimeoutError if it is not in time."""
    from airflow.utils.db import check_migrations  # noqa: PLC0415 - slow to import

    check_migrations(PATIENCE_SECONDS)


def wait_for_api_server(patience: float = PATIENCE_SECONDS) -> None:
    """Wait until the API server answers tasks. Ends this process if it does not in time.

    At its first request the API server creates the routes for tasks, which takes seconds.
    """
    from airflow.configuration import conf  # noqa: PLC0415 - slow to import

    url = conf.get("core", "execution_api_server_url")
    end = time.monotonic() + patience
    with httpx.Client(trust_env=False) as client:  # without a proxy: the server listens on 127.0.0.1
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(httpx.TransportError):
                if client.get(f"{url}health", timeout=left).is_success:
                    return
            time.sleep(POLL_SECONDS)
    sys.exit(f"The API server does not answer at {url} within {patience:.0f} seconds: the scheduler ends.")


def main() -> None:
    """Become the command airflow."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    atexit.register(gc.freeze)
    command = sys.argv[1]
    for module in NEEDED.get(command, ()):
        import_module(module)
    if command == "api-server":
        wait_for_setup()
    if command == "scheduler":
        wait_for_api_server()
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
