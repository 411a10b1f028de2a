"""The status of runs, read from a metadata database that holds only the runs of the test."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from sync_airflow.night_reader import read_facts
from sync_page.status import DagStatus, read_dags

OWNER = "person_owner_rebuild_job"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def session() -> Iterator[Session]:
    import_all_models()
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(DagModel(dag_id=OWNER, bundle_name="dags-folder", is_paused=False, is_stale=False))
        yield session


def add_run(
    session: Session,
    run_id: str,
    state: str,
    ended: datetime | None = None,
    *,
    tasks: Mapping[str, str | None] | None = None,
    xcoms: dict[tuple[str, str], Any] | None = None,
    run_type: str = "manual",
    conf: Any = None,
    logical_date: datetime | None = None,
    run_after: datetime | None = None,
    dag_id: str = OWNER,
) -> None:
    """A run that took a minute. tasks: states by id, in the order of their ends. xcoms: by task and key."""
    started = (ended or NOW) - timedelta(minutes=1)
    run = DagRun.__table__.insert().returning(DagRun.__table__.c.id)
    values = {
        "dag_id": dag_id,
        "run_id": run_id,
        "state": state,
        "run_type": run_type,
        "conf": conf,
        "logical_date": logical_date,
        "run_after": run_after or started,
        "start_date": None if state == "queued" else started,
        "end_date": ended,
    }
    (number,) = session.execute(run.values(values)).one()
    names = {"dag_id": dag_id, "run_id": run_id, "map_index": -1}
    for seconds, (task_id, task_state) in enumerate((tasks or {"run_job": state}).items()):
        end = started + timedelta(seconds=seconds)
        task = {"id": uuid4(), "task_id": task_id, "state": task_state, "end_date": end, "pool": "-", "pool_slots": 1}
        session.execute(TaskInstance.__table__.insert().values(names | task))
    for (task_id, key), value in (xcoms or {}).items():
        xcom = {"dag_run_id": number, "task_id": task_id, "key": key, "value": value, "timestamp": started}
        session.execute(XComModel.__table__.insert().values(names | xcom))


def status(session: Session, dag_id: str = OWNER) -> DagStatus:
    return read_dags(session, [dag_id, "recovery"], NOW)[dag_id]


def test_a_job_that_never_ran_has_no_run(session: Session) -> None:
    found = status(session)
    assert (found.known, found.running, found.current, found.last, found.succeeded_today) == (
        True,
        False,
        None,
        None,
        False,
    )


def test_a_dag_that_airflow_has_not_parsed_is_unknown(session: Session) -> None:
    assert not status(session, "recovery").known


def test_the_last_run_is_the_one_that_ended_last(session: Session) -> None:
    add_run(session, "scheduled__cleared_and_run_again", "failed", NOW - timedelta(minutes=5))
    add_run(session, "manual__before_it", "success", NOW - timedelta(hours=1))
    last = status(session).last
    assert last
    assert (last.run_id, last.state, last.seconds) == ("scheduled__cleared_and_run_again", "failed", 60)


def test_a_run_that_skipped_its_work_does_not_count(session: Session) -> None:
    add_run(session, "recovery__1", "failed", NOW - timedelta(hours=2))
    add_run(session, "scheduled__2", "success", NOW - timedelta(hours=1), tasks={"run_job": "skipped"})
    found = status(session)
    assert found.last
    assert (found.last.run_id, found.succeeded_today) == ("recovery__1", False)


def test_a_run_that_was_marked_as_failed_before_its_work_began_has_failed(session: Session) -> None:
    add_run(session, "scheduled__1", "success", NOW - timedelta(hours=1))
    # The states that Airflow sets: waiting tasks have failed, tasks that had not started are skipped.
    tasks = {"wait_for_a": "failed", "run_job": "skipped"}
    add_run(session, "scheduled__2", "failed", NOW, tasks=tasks)
    last = status(session).last
    assert last
    assert (last.run_id, last.state, last.failed_task, last.reason) == ("scheduled__2", "failed", "wait_for_a", None)


@pytest.mark.parametrize("value", ["text", ["text"], 5, True])
def test_an_xcom_that_is_not_a_report_is_ignored(session: Session, value: Any) -> None:
    add_run(session, "manual__1", "success", NOW, xcoms={("run_job", "return_value"): value})
    last = status(session).last
    assert last
    assert last.report is None


@pytest.mark.parametrize("conf", [[1], "text", {"run_date": [1]}, {"run_date": 20261124}, {"run_date": True}])
def test_a_run_with_an_invalid_date_is_shown_without_a_run_date(session: Session, conf: Any) -> None:
    add_run(session, "manual__1", "failed", NOW, conf=conf)
    last = status(session).last
    assert last
    assert (last.run_date, last.dry_run) == (None if isinstance(conf, dict) else NOW.date(), False)


def test_the_report_of_a_run_is_shown(session: Session) -> None:
    add_run(session, "manual__1", "success", NOW, xcoms={("run_job", "return_value"): {"read": 3, "added": 1}})
    last = status(session).last
    assert last
    assert (last.report, last.reason, last.failed_task) == ({"read": 3, "added": 1}, None, None)


def test_the_reason_of_a_failure_and_the_task_that_failed_first_are_shown(session: Session) -> None:
    tasks = {"wait_for_a": "success", "wait_for_b": "failed", "run_job": "upstream_failed"}
    add_run(session, "scheduled__1", "failed", NOW, tasks=tasks, xcoms={("wait_for_b", "reason"): "B failed"})
    last = status(session).last
    assert last
    assert (last.failed_task, last.reason, last.report) == ("wait_for_b", "B failed", None)


def test_a_recovery_shows_the_reason_of_its_summary(session: Session) -> None:
    session.add(DagModel(dag_id="recovery", bundle_name="dags-folder", is_paused=False, is_stale=False))
    tasks = {OWNER: "failed", "summary": "failed"}
    reason = {("summary", "reason"): "Run again: PersonOwnerRebuildJob"}
    add_run(session, "restart__1", "failed", NOW, tasks=tasks, xcoms=reason, dag_id="recovery")
    last = status(session, "recovery").last
    assert last
    assert (last.started_by, last.failed_task, last.reason) == (
        "restart",
        OWNER,
        "Run again: PersonOwnerRebuildJob",
    )


def test_a_running_run_comes_before_a_queued_one(session: Session) -> None:
    add_run(session, "manual__queued", "queued")
    add_run(session, "scheduled__at_work", "running")
    add_run(session, "manual__ended", "success", NOW - timedelta(hours=1))
    found = status(session)
    assert found.current
    assert found.last
    assert (found.running, found.current.run_id, found.current.seconds) == (True, "scheduled__at_work", 60)
    assert found.last.run_id == "manual__ended"


def test_a_run_in_the_future_is_planned_and_not_active(session: Session) -> None:
    january, february = NOW + timedelta(days=40), NOW + timedelta(days=70)
    add_run(session, "manual__later", "queued", run_after=february)
    add_run(session, "manual__planned", "queued", run_after=january)
    add_run(session, "manual__ended", "success", NOW - timedelta(hours=1))
    found = status(session)
    assert found.planned
    assert (found.running, found.current, found.planned.run_id) == (False, None, "manual__planned")
    assert found.planned.run_after == january.replace(tzinfo=found.planned.run_after.tzinfo)
    add_run(session, "scheduled__due", "queued", run_type="scheduled")
    found = status(session)
    assert found.current
    assert (found.running, found.current.run_id) == (True, "scheduled__due")


def test_a_run_with_a_logical_date_in_the_future_is_planned_although_airflow_calls_it_running(
    session: Session,
) -> None:
    """Airflow starts none of its tasks before that date, and no other run meanwhile."""
    january = NOW + timedelta(days=40)
    add_run(session, "manual__planned", "running", logical_date=january, tasks={"run_job": None})
    found = status(session)
    assert found.planned
    assert (found.running, found.current, found.planned.run_id) == (False, None, "manual__planned")
    assert found.planned.run_after == january.replace(tzinfo=found.planned.run_after.tzinfo)
    facts = read_facts(session, NOW)
    assert facts.active == ()
    assert facts.dag("PersonOwnerRebuildJob").blocked_by == "manual__planned"


def test_a_run_in_place_of_the_next_scheduled_one_blocks_nothing(session: Session) -> None:
    add_run(session, "in_place__1", "queued", run_type="operator_triggered", run_after=NOW + timedelta(hours=15))
    found = status(session)
    assert (found.running, found.planned) == (False, None)


WAITING = {"wait_for_b": "deferred", "wait_for_person_owner_rebuild_job": "deferred", "run_job": None}


@pytest.mark.parametrize(
    ("state", "run_type", "tasks", "reason", "waits"),
    [
        ("running", "scheduled", WAITING, None, "for the end of PersonOwnerRebuildJob"),
        (
            "running",
            "backfill",
            WAITING | {"wait_for_post_employing_body_trust_job": "running"},
            None,
            "for the end of PersonOwnerRebuildJob and PostEmployingBodyTrustJob",
        ),
        ("running", "scheduled", {"wait_for_person_owner_rebuild_job": "success", "run_job": "running"}, None, None),
        ("running", "manual", {"wait_for_person_owner_rebuild_job": "scheduled", "run_job": None}, None, None),
        ("queued", "scheduled", {"wait_for_person_owner_rebuild_job": None, "run_job": None}, None, None),
        ("running", "manual", {"run_job": "up_for_retry"}, None, "for a retry after a failed attempt"),
        (
            "running",
            "manual",
            {"run_job": "up_for_retry"},
            "no answer",
            "for a retry after a failed attempt: no answer",
        ),
    ],
)
def test_a_waiting_run_says_what_it_waits_for(
    session: Session, state: str, run_type: str, tasks: dict[str, str | None], reason: str | None, waits: str | None
) -> None:
    xcoms = {("run_job", "reason"): reason} if reason else None
    add_run(session, "the one", state, run_type=run_type, tasks=tasks, xcoms=xcoms, logical_date=NOW)
    found = status(session)
    assert found.current
    assert (found.running, found.current.state, found.current.waits) == (True, state, waits)


@pytest.mark.parametrize(
    ("ended", "state", "conf", "of_today"),
    [
        (MIDNIGHT, "success", None, True),
        (MIDNIGHT - timedelta(microseconds=1), "success", None, False),
        (NOW, "failed", None, False),
        (NOW, "success", {"dry_run": True}, False),
    ],
)
def test_a_success_of_today_is_not_a_dry_run_and_ended_since_midnight_utc(
    session: Session, ended: datetime, state: str, conf: dict[str, Any] | None, of_today: bool
) -> None:
    add_run(session, "manual__1", state, ended, conf=conf)
    assert status(session).succeeded_today is of_today


def test_a_later_failure_does_not_undo_a_success_of_today(session: Session) -> None:
    add_run(session, "scheduled__1", "success", NOW - timedelta(hours=3))
    add_run(session, "manual__1", "failed", NOW)
    found = status(session)
    assert found.last
    assert (found.succeeded_today, found.last.state) == (True, "failed")


@pytest.mark.parametrize(
    ("run_id", "run_type", "conf", "started_by", "run_date"),
    [
        ("scheduled__1", "scheduled", None, "schedule", date(2026, 11, 23)),
        ("backfill__1", "backfill", None, "backfill", date(2026, 11, 23)),
        ("manual__1", "manual", {"run_date": "2028-02-29"}, "manual", date(2028, 2, 29)),
        ("manual__1", "manual", {"run_date": None}, "manual", date(2026, 11, 24)),
        ("manual__1", "manual", {"run_date": "2026-02-30"}, "manual", None),
        ("after__manual__1__1", "operator_triggered", {"run_date": "2026-11-20"}, "follow-on", date(2026, 11, 20)),
        ("recovery__manual__1__1", "operator_triggered", {"run_date": "2026-11-20"}, "recovery", date(2026, 11, 20)),
    ],
)
def test_a_run_says_what_started_it_and_its_run_date(
    session: Session, run_id: str, run_type: str, conf: dict[str, Any] | None, started_by: str, run_date: date | None
) -> None:
    tick = datetime(2026, 11, 23, 0, 5, tzinfo=UTC) if run_type in ("scheduled", "backfill") else None
    add_run(session, run_id, "success", NOW, run_type=run_type, conf=conf, logical_date=tick)
    last = status(session).last
    assert last
    assert (last.started_by, last.run_date) == (started_by, run_date)


def test_the_path_of_a_run_has_its_id_escaped(session: Session) -> None:
    add_run(session, "manual__2026-11-24T09:00:00+00:00/?", "success", NOW)
    last = status(session).last
    assert last
    assert last.path == f"dags/{OWNER}/runs/manual__2026-11-24T09%3A00%3A00%2B00%3A00%2F%3F"
