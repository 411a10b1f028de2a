"""Writes nights into the metadata database of Airflow in which it did not run."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import psycopg

from sync_airflow.night_rules import Success
from sync_jobs.catalogue import Job
from tests.scheduler.night import run_id_of


def add_success(metadata: psycopg.Connection[Any], job: Job, tick: datetime) -> None:
    """Add a successful scheduled run of that tick, with its asset event."""
    success = Success(run_id_of(tick), tick.date(), tick.date(), started=tick, ended=tick)
    metadata.execute(
        "INSERT INTO dag_run (dag_id, run_id, run_type, state, clear_number, span_status, logical_date, run_after, "
        "data_interval_start, data_interval_end, start_date, end_date) VALUES (%(dag)s, %(run)s, 'scheduled', "
        "'success', 0, 'not_started', %(at)s, %(at)s, %(at)s, %(at)s, %(at)s, %(at)s)",
        {"dag": job.dag_id, "run": success.run_id, "at": tick},
    )
    metadata.execute(
        "INSERT INTO asset_event (asset_id, extra, timestamp) SELECT id, %s, %s FROM asset WHERE name = %s",
        (json.dumps(success.as_extra()), tick, job.dag_id),
    )


def plan_run(metadata: psycopg.Connection[Any], job: Job, tick: datetime) -> None:
    """Make the run of that tick the next one that Airflow has planned."""
    metadata.execute(
        "UPDATE dag SET next_dagrun = %(at)s, next_dagrun_create_after = %(at)s, "
        "next_dagrun_data_interval_start = %(at)s, next_dagrun_data_interval_end = %(at)s WHERE dag_id = %(dag)s",
        {"dag": job.dag_id, "at": tick},
    )


def is_there(metadata: psycopg.Connection[Any], job: Job, tick: datetime) -> bool:
    """Whether there is a run of that tick."""
    query = "SELECT FROM dag_run WHERE dag_id = %s AND run_id = %s"
    return metadata.execute(query, (job.dag_id, run_id_of(tick))).rowcount > 0


def planned_ticks(metadata: psycopg.Connection[Any], jobs: Iterable[Job]) -> dict[str, datetime]:
    """When the next planned run of each job is due, by DAG id, in UTC."""
    query = "SELECT dag_id, next_dagrun FROM dag WHERE dag_id = ANY(%s)"
    rows = metadata.execute(query, ([job.dag_id for job in jobs],)).fetchall()
    # In UTC, because in Python a time that British clocks show twice equals no time of another zone.
    return {dag_id: tick.astimezone(UTC) for dag_id, tick in rows}
