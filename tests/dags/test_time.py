"""Everything is in UTC: on hosts in any time zone, when British clocks change, on a leap day and at midnight."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pendulum
import pytest
from airflow.sdk import DAG, Context
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DataInterval, TimeRestriction, Timetable

from sync_airflow.night_rules import latest_night, own_date, run_ids_of_night
from sync_airflow.tasks.sensors import NightlyJobSensor
from sync_jobs.catalogue import JOBS, Job, upstream_jobs

ZONES = ("UTC", "Europe/London", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati")
# British clocks go forward, and back, at 01:00 UTC, in the middle of the night of the jobs.
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
LEAP_DAY, NEW_YEAR = date(2028, 2, 29), date(2027, 1, 1)
NIGHTS = (SPRING, AUTUMN, LEAP_DAY, NEW_YEAR)

WAITS = [(job, upstream) for job in JOBS for upstream in upstream_jobs(job)]


@pytest.fixture(params=ZONES, autouse=True)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The zone of the host."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def stored_timetable(dag: DAG) -> Timetable:
    """The timetable of a DAG as the scheduler reads it from Airflow's database."""
    return DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag)))).timetable


def ticks(timetable: Timetable, first: date, number: int) -> list[datetime]:
    """The times at which the scheduler creates runs of a DAG, starting with the night of that date."""
    found: list[datetime] = []
    last = DataInterval.exact(pendulum.datetime(first.year, first.month, first.day))
    for _ in range(number):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=last, restriction=TimeRestriction(earliest=None, latest=None, catchup=True)
        )
        assert info
        assert info.data_interval
        found.append(info.run_after)
        last = info.data_interval
    return found


def test_each_job_is_due_once_per_night_at_its_time_in_utc(dags: dict[str, DAG]) -> None:
    for job in JOBS:
        timetable = stored_timetable(dags[job.dag_id])
        for night in NIGHTS:
            expected = [datetime.combine(night + timedelta(days=day), job.at, tzinfo=UTC) for day in range(3)]
            assert ticks(timetable, night, 3) == expected


@pytest.mark.parametrize("night", NIGHTS, ids=str)
@pytest.mark.parametrize(("job", "upstream"), WAITS, ids=lambda job: job.dag_id)
def test_a_job_waits_for_the_run_of_the_same_night(night: date, job: Job, upstream: Job) -> None:
    sensor = NightlyJobSensor(task_id="wait", job_name=job.name, upstream_name=upstream.name)
    tick = pendulum.instance(datetime.combine(night, job.at, tzinfo=UTC))
    run = SimpleNamespace(run_type="scheduled", run_id="x", logical_date=tick, run_after=tick)
    waited_for = sensor.upstream_tick(cast(Context, {"dag_run": run}))
    assert waited_for == datetime.combine(night, upstream.at, tzinfo=UTC)


@pytest.mark.parametrize("night", NIGHTS, ids=str)
def test_the_run_date_is_the_date_in_utc(night: date) -> None:
    midnight = datetime(night.year, night.month, night.day, tzinfo=UTC)
    for moment in (midnight, midnight.astimezone(), datetime.fromtimestamp(midnight.timestamp(), tz=UTC)):
        assert own_date("manual", None, moment) == night
        assert own_date("manual", None, moment - timedelta(microseconds=1)) == night - timedelta(days=1)
    for job in JOBS:
        tick = datetime.combine(night, job.at, tzinfo=UTC)
        assert own_date("scheduled", tick.astimezone(), tick) == night
        assert latest_night(tick.astimezone()) == night
    assert latest_night(midnight.astimezone()) == night - timedelta(days=1)


def test_the_run_of_a_night_is_found_by_its_time_in_utc() -> None:
    tick = datetime(2026, 3, 29, 1, 29, tzinfo=UTC).astimezone()
    assert run_ids_of_night(tick) == [
        "scheduled__2026-03-29T01:29:00+00:00",
        "in_place__2026-03-29T01:29:00+00:00",
        "backfill__2026-03-29T01:29:00+00:00",
    ]
