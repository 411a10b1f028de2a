"""An Airflow that was off for three nights and starts late, in the fixture running_airflow."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg

from sync_airflow.dag_ids import RUN_JOB
from sync_jobs.catalogue import JOBS
from tests.scheduler.conftest import CHANGED, NIGHTS_OFF
from tests.scheduler.night import Night, run_id_of
from tests.scheduler.running_airflow import RunningAirflow


def report(running: RunningAirflow, dag_id: str) -> dict[str, str]:
    found: dict[str, str] = running.api.xcom(running.first_night.task(dag_id), "return_value")
    return found


def states_of_work(running: RunningAirflow, dag_id: str) -> dict[str, str]:
    """States of the work by run id, of all runs after the outage began and up to the first night."""
    runs = running.api.runs(dag_id, "scheduled")
    ids = [run["dag_run_id"] for run in runs if is_not_after(run, running.first_night)]
    tasks = {run_id: running.api.tasks(dag_id, run_id) for run_id in ids}
    return {run_id: found[RUN_JOB]["state"] for run_id, found in tasks.items() if found}


def is_not_after(run: dict[str, str], night: Night) -> bool:
    return datetime.fromisoformat(run["logical_date"]) <= night.ticks[run["dag_id"]]


def test_each_job_that_was_due_at_the_start_ran_once_and_in_order(
    running_airflow: RunningAirflow,
) -> None:
    night = running_airflow.first_night
    for job in JOBS:
        expected = {night.run_id(job.dag_id): "success"}
        if job.covers_missed_nights:
            # The run that Airflow had planned for the first night of the outage leaves the work to tonight's.
            first_missed = night.ticks[job.dag_id] - timedelta(days=NIGHTS_OFF - 1)
            expected[run_id_of(first_missed)] = "skipped"
        assert states_of_work(running_airflow, job.dag_id) == expected
    night.assert_order(night.ticks)


def test_the_run_date_is_the_utc_date_even_where_hosts_have_another_date(
    running_airflow: RunningAirflow,
) -> None:
    zone = running_airflow.airflow.zone
    with psycopg.connect(running_airflow.tcs_dsn) as tcs:
        assert tcs.execute("SHOW timezone").fetchone() == (zone,)
    for dag_id, tick in running_airflow.first_night.ticks.items():
        assert tick.astimezone(ZoneInfo(zone)).date() != tick.date()
        assert report(running_airflow, dag_id)["run_date"] == tick.date().isoformat()


def test_field_update_jobs_cover_every_missed_date(running_airflow: RunningAirflow) -> None:
    for job in JOBS:
        today = running_airflow.first_night.ticks[job.dag_id].date()
        first = today - timedelta(days=NIGHTS_OFF - 1) if job.covers_missed_nights else today
        covered = report(running_airflow, job.dag_id)
        assert (covered["first_date"], covered["last_date"]) == (first.isoformat(), today.isoformat()), job.name
    with psycopg.connect(running_airflow.tcs_dsn) as tcs:
        post = tcs.execute("SELECT funding_status FROM post WHERE id = %s", (CHANGED,)).fetchone()
        person = tcs.execute("SELECT status FROM person WHERE id = %s", (CHANGED,)).fetchone()
    assert (post, person) == (("INACTIVE",), ("CURRENT",))
