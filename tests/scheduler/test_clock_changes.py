"""Clock changes and a leap day, on a real scheduler in Britain, whose clock the tests set."""

import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from local import elasticsearch as local_elasticsearch
from local import postgres as local_postgres
from local.airflow_api import TaskId
from local.demo_data import TABLES, load_demo_data
from sync_airflow.dag_ids import RUN_JOB
from sync_jobs.catalogue import JOBS
from tests.awkward_data import read_tables
from tests.comparison import assert_same_documents, column, documents_behind_alias, owners
from tests.naive_model import Tables, person_documents, person_owners, person_statuses, posts_to_make_inactive
from tests.scheduler.conftest import CHANGED, PERSONS, add_changes
from tests.scheduler.host_clock import HostClock
from tests.scheduler.night import Night
from tests.scheduler.past_nights import add_success, planned_ticks
from tests.scheduler.running_airflow import RunningAirflow, new_airflow
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the package libfaketime contains a library for x86-64 only"
)

BRITAIN = ZoneInfo("Europe/London")
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)

# British clocks go back at 01:00 UTC in autumn, and forward at 01:00 UTC in spring.
AUTUMN, LEAP_DAY, SPRING = date(2027, 10, 31), date(2028, 2, 29), date(2028, 3, 26)


def spread(*times: time) -> tuple[time, ...]:
    """One time for each job, in their order; as many jobs at each."""
    return tuple(times[number * len(times) // len(JOBS)] for number in range(len(JOBS)))


# When the jobs are due, in their order.
AS_EVERY_NIGHT = tuple(job.at for job in JOBS)
FROM_MIDNIGHT_TO_MIDNIGHT = spread(time(0, 0), time(0, 1), time(0, 2), time(23, 46))
AROUND_THE_CHANGE = spread(time(0, 59), time(1, 0), time(1, 1))

# When a scheduler starts: on the one side of the window's bound by UTC, on the other by British Summer Time.
WINDOW = "00:00-07:00"
BEFORE_THE_WINDOW = datetime(2027, 10, 30, 23, 30, tzinfo=UTC)
IN_THE_WINDOW = datetime(2028, 3, 26, 6, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostClock]:
    clock = HostClock(tmp_path_factory.mktemp("clock") / "ahead", BEFORE_THE_WINDOW)
    clock.assert_that_processes_use_it()
    yield clock
    clock.clear_up()


@pytest.fixture(scope="module")
def british_airflow(
    clock: HostClock,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: local_postgres.Postgres,
    elasticsearch_server: local_elasticsearch.Elasticsearch,
) -> Iterator[RunningAirflow]:
    """An Airflow with that clock, in the time zone of Britain; nothing has run yet."""
    with new_airflow(
        tmp_path_factory.mktemp("airflow"),
        postgres_server,
        elasticsearch_server,
        zone=BRITAIN.key,
        more_settings=clock.environment(),
    ) as running:
        clock.put_into(running.administrator)
        running.start(ticks_of(AUTUMN, AS_EVERY_NIGHT), WINDOW)
        yield running


def ticks_of(night: date, times: Sequence[time]) -> dict[str, datetime]:
    """When each job is due, by DAG id."""
    return {job.dag_id: datetime.combine(night, at, tzinfo=UTC) for job, at in zip(JOBS, times, strict=True)}


def fill(tcs: psycopg.Connection[Any], night: date) -> None:
    """Replace the data by new data, with work for that night, the night before and the night after."""
    for table in TABLES:
        tcs.execute(f"DELETE FROM {table}".encode())
    load_demo_data(tcs, PERSONS, night)
    for days in (-1, 0, 1):
        add_changes(tcs, CHANGED + days, night + timedelta(days=days))


def run_night(clock: HostClock, night: Night) -> None:
    """Set the clock to a second before each tick, and wait for the runs that are due then."""
    for tick in sorted(set(night.ticks.values())):
        clock.move_on_to(tick - SECOND)
        due = [dag_id for dag_id, at in night.ticks.items() if at == tick]
        assert night.wait_for_end(due) == dict.fromkeys(due, "success")


@pytest.mark.parametrize(
    ("date_of_night", "times"),
    [
        pytest.param(AUTUMN, AS_EVERY_NIGHT, id="clocks go back"),
        pytest.param(LEAP_DAY, FROM_MIDNIGHT_TO_MIDNIGHT, id="leap day"),
        pytest.param(SPRING, AROUND_THE_CHANGE, id="clocks go forward"),
    ],
)
def test_each_job_runs_once_and_in_order_at_its_time_in_utc_and_for_its_date(
    british_airflow: RunningAirflow, clock: HostClock, date_of_night: date, times: Sequence[time]
) -> None:
    ticks = ticks_of(date_of_night, times)
    for job in JOBS:
        add_success(british_airflow.metadata, job, ticks[job.dag_id] - DAY)
    night = british_airflow.set_night(ticks)
    wait_for("Airflow to plan the night", lambda: planned_ticks(british_airflow.metadata, JOBS) == ticks)
    with psycopg.connect(british_airflow.tcs_dsn, autocommit=True) as tcs:
        fill(tcs, date_of_night)
        before = read_tables(tcs)
        run_night(clock, night)
        after = read_tables(tcs)

    night.assert_order(ticks)
    for dag_id, tick in ticks.items():
        assert tick <= night.work(dag_id)[0] < tick + timedelta(minutes=30)
        runs = [datetime.fromisoformat(run["logical_date"]) for run in british_airflow.api.runs(dag_id, "scheduled")]
        assert [run for run in runs if run > tick - DAY] == [tick]
        report = british_airflow.api.xcom(night.task(dag_id), "return_value")
        assert {report[name] for name in ("run_date", "first_date", "last_date")} == {date_of_night.isoformat()}
    # Nothing else comes this night, as in an hour that British clocks show twice.
    assert planned_ticks(british_airflow.metadata, JOBS) == {dag_id: tick + DAY for dag_id, tick in ticks.items()}
    assert_written_for(date_of_night, before, after)
    assert_same_documents(documents_behind_alias(british_airflow.elasticsearch), person_documents(after, date_of_night))
    for other_date in (date_of_night - DAY, date_of_night + DAY):
        assert funding_statuses(before, other_date) != funding_statuses(before, date_of_night)
        assert statuses(before, other_date) != statuses(before, date_of_night)
        assert person_documents(after, other_date) != person_documents(after, date_of_night)


def assert_written_for(run_date: date, before: Tables, after: Tables) -> None:
    assert owners(after) == person_owners(before, run_date)
    assert column(after, "post", "funding_status") == funding_statuses(before, run_date)
    assert column(after, "person", "status") == statuses(before, run_date)


def funding_statuses(tables: Tables, run_date: date) -> dict[int, str | None]:
    inactive = dict.fromkeys(posts_to_make_inactive(tables, run_date), "INACTIVE")
    return {**column(tables, "post", "funding_status"), **inactive}


def statuses(tables: Tables, run_date: date) -> dict[int, str | None]:
    return {**column(tables, "person", "status"), **person_statuses(tables, run_date)}


def test_a_scheduler_that_starts_triggers_recovery_by_the_time_in_utc(
    british_airflow: RunningAirflow, clock: HostClock
) -> None:
    assert BEFORE_THE_WINDOW.astimezone(BRITAIN).time() == time(0, 30)
    log = british_airflow.services["scheduler"].log.read_text(encoding="utf-8")
    assert "outside 00:00:00-07:00:00 UTC: no recovery" in log
    assert british_airflow.api.run_ids("recovery") == set()

    british_airflow.kill_scheduler()
    assert IN_THE_WINDOW.astimezone(BRITAIN).time() == time(7, 30)
    clock.move_on_to(IN_THE_WINDOW)
    british_airflow.start_scheduler(WINDOW)
    (run_id,) = wait_for("the start of recovery", lambda: british_airflow.api.run_ids("recovery"))
    assert datetime.fromisoformat(british_airflow.api.run("recovery", run_id)["run_after"]) >= IN_THE_WINDOW
    # Its first job shows the run date of recovery, so there is no need to wait for the end of recovery.
    (run,) = wait_for("recovery's first job", lambda: british_airflow.api.runs(JOBS[0].dag_id, "operator_triggered"))
    assert british_airflow.wait_for_end(JOBS[0].dag_id, run["dag_run_id"]) == "success"
    report = british_airflow.api.xcom(TaskId(JOBS[0].dag_id, run["dag_run_id"], RUN_JOB), "return_value")
    assert report["run_date"] == SPRING.isoformat()
