"""What is known of runs, read from a metadata database that holds only the runs of the test."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.models.taskinstance import TaskInstance
from airflow.models.taskinstancehistory import TaskInstanceHistory
from airflow.models.xcom import XComModel
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from sync_airflow.night.facts import ALARM, RECOVERY, Facts, RunFact
from sync_airflow.night_reader import read_facts

OWNER = "person_owner_rebuild_job"
NAME = "PersonOwnerRebuildJob"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


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


def facts(session: Session) -> Facts:
    return read_facts(session, NOW)


def the_run(session: Session, job: str = NAME) -> RunFact:
    """The only run of that job."""
    (run,) = facts(session).runs_of(job)
    return run


def test_a_dag_that_airflow_has_not_parsed_is_unknown(session: Session) -> None:
    found = facts(session)
    assert (found.dag(NAME).is_known, found.dag(RECOVERY).is_known) == (True, False)
    assert found.runs == ()


def test_a_run_that_skipped_its_work_has_not_worked(session: Session) -> None:
    add_run(session, "scheduled__2", "success", NOW - timedelta(hours=1), tasks={"run_job": "skipped"})
    assert not the_run(session).worked


def test_a_run_that_was_marked_as_failed_before_its_work_began_has_failed(session: Session) -> None:
    # The states that Airflow sets: waiting tasks have failed, tasks that had not started are skipped.
    add_run(session, "scheduled__2", "failed", NOW, tasks={"wait_for_a": "failed", "run_job": "skipped"})
    run = the_run(session)
    assert (run.worked, run.state, run.failed_task, run.reason) == (True, "failed", "wait_for_a", None)


@pytest.mark.parametrize("value", ["text", ["text"], 5, True])
def test_an_xcom_that_is_not_a_report_is_ignored(session: Session, value: Any) -> None:
    add_run(session, "manual__1", "success", NOW, xcoms={("run_job", "return_value"): value})
    assert the_run(session).report is None


@pytest.mark.parametrize("conf", [[1], "text", {"run_date": [1]}, {"run_date": 20261124}, {"run_date": True}])
def test_a_run_with_an_invalid_date_has_no_run_date(session: Session, conf: Any) -> None:
    add_run(session, "manual__1", "failed", NOW, conf=conf)
    run = the_run(session)
    assert (run.run_date, run.dry_run) == (None if isinstance(conf, dict) else NOW.date(), False)


EMPLOYING_DAG = "person_placement_employing_body_trust_job"
FOLLOW_ON_JOBS = ("PersonPlacementTrainingBodyTrustJob", "PersonElasticSearchSyncJob")


@pytest.mark.parametrize(
    ("run_type", "conf", "then_run"),
    [
        ("manual", {}, FOLLOW_ON_JOBS),
        ("manual", {"run_follow_on_jobs": False}, ()),
        ("manual", {"dry_run": True}, ()),
        ("manual", {"then_run": ["person_elastic_search_sync_job"]}, ("PersonElasticSearchSyncJob",)),
        ("manual", {"then_run": [1]}, FOLLOW_ON_JOBS),
        ("scheduled", {}, ()),
    ],
)
def test_a_run_names_the_jobs_that_run_after_it(
    session: Session, run_type: str, conf: Any, then_run: tuple[str, ...]
) -> None:
    add_run(session, f"{run_type}__1", "running", None, conf=conf, run_type=run_type, dag_id=EMPLOYING_DAG)
    assert the_run(session, "PersonPlacementEmployingBodyTrustJob").then_run == then_run


def test_a_cleared_run_of_a_night_clears_the_runs_that_waited_for_it(session: Session) -> None:
    tick = NOW.replace(hour=0, minute=9)
    run_id = f"scheduled__{tick.isoformat()}"
    add_run(session, run_id, "running", run_type="scheduled", logical_date=tick, dag_id=EMPLOYING_DAG)
    session.execute(DagRun.__table__.update().values(clear_number=1))
    assert the_run(session, "PersonPlacementEmployingBodyTrustJob").then_run == FOLLOW_ON_JOBS


def test_a_success_has_its_report_and_the_first_date_that_it_covers(session: Session) -> None:
    report = {"read": 3, "added": 1, "first_date": "2026-11-22"}
    add_run(session, "manual__1", "success", NOW, xcoms={("run_job", "return_value"): report})
    run = the_run(session)
    assert (run.report, run.first_date, run.reason, run.failed_task) == (report, date(2026, 11, 22), None, None)


def test_a_failure_has_its_reason_and_the_task_that_failed_first(session: Session) -> None:
    tasks = {"wait_for_a": "success", "wait_for_b": "failed", "run_job": "upstream_failed"}
    add_run(session, "scheduled__1", "failed", NOW, tasks=tasks, xcoms={("wait_for_b", "reason"): "B failed"})
    run = the_run(session)
    assert (run.failed_task, run.reason, run.report) == ("wait_for_b", "B failed", None)


def test_a_run_whose_wait_has_failed_names_the_job_that_stopped_it(session: Session) -> None:
    tasks = {"wait_for_post_employing_body_trust_job": "failed", "run_job": "upstream_failed"}
    add_run(session, "scheduled__1", "failed", NOW, tasks=tasks)
    assert the_run(session).stopped_by == "PostEmployingBodyTrustJob"


def test_a_recovery_has_the_reason_of_its_summary(session: Session) -> None:
    session.add(DagModel(dag_id="recovery", bundle_name="dags-folder", is_paused=False, is_stale=False))
    tasks = {OWNER: "failed", "summary": "failed"}
    reason = {("summary", "reason"): "Run again: PersonOwnerRebuildJob"}
    add_run(session, "restart__1", "failed", NOW, tasks=tasks, xcoms=reason, dag_id="recovery")
    run = the_run(session, RECOVERY)
    assert (run.started_by, run.failed_task, run.reason) == ("restart", OWNER, "Run again: PersonOwnerRebuildJob")


def test_the_alarm_is_read_too(session: Session) -> None:
    tasks = {"look_at_live_index": "failed"}
    add_run(session, "scheduled__1", "failed", NOW, tasks=tasks, dag_id="persons_index_alarm")
    assert the_run(session, ALARM).failed_task == "look_at_live_index"


def test_a_run_in_the_future_blocks_the_nights_and_is_not_active(session: Session) -> None:
    january, february = NOW + timedelta(days=40), NOW + timedelta(days=70)
    add_run(session, "manual__later", "queued", run_after=february)
    add_run(session, "manual__planned", "queued", run_after=january)
    found = facts(session)
    assert (found.active, found.dag(NAME).blocked_by) == ((), "manual__planned")
    add_run(session, "scheduled__due", "queued", run_type="scheduled")
    assert [run.run_id for run in facts(session).active] == ["scheduled__due"]


def test_a_run_with_a_logical_date_in_the_future_blocks_the_nights_although_airflow_calls_it_running(
    session: Session,
) -> None:
    """Airflow starts none of its tasks before that date, and no other run of the DAG meanwhile."""
    january = NOW + timedelta(days=40)
    add_run(session, "manual__planned", "running", logical_date=january)
    found = facts(session)
    assert (found.active, found.dag(NAME).blocked_by) == ((), "manual__planned")
    assert the_run(session).run_after == january.replace(tzinfo=the_run(session).run_after.tzinfo)


def test_a_run_in_place_of_the_next_scheduled_one_blocks_nothing(session: Session) -> None:
    add_run(session, "in_place__1", "queued", run_type="operator_triggered", run_after=NOW + timedelta(hours=15))
    found = facts(session)
    assert (found.active, found.dag(NAME).blocked_by) == ((), None)


WAITING = {"wait_for_b": "deferred", "wait_for_person_owner_rebuild_job": "deferred", "run_job": None}
EMPLOYING = "PostEmployingBodyTrustJob"


@pytest.mark.parametrize(
    ("state", "run_type", "tasks", "waits_for", "is_retrying"),
    [
        ("running", "scheduled", WAITING, (NAME,), False),
        (
            "running",
            "backfill",
            WAITING | {"wait_for_post_employing_body_trust_job": "running"},
            (NAME, EMPLOYING),
            False,
        ),
        ("running", "scheduled", {"wait_for_person_owner_rebuild_job": "success", "run_job": "running"}, (), False),
        ("running", "manual", {"wait_for_person_owner_rebuild_job": "scheduled", "run_job": None}, (), False),
        ("queued", "scheduled", {"wait_for_person_owner_rebuild_job": None, "run_job": None}, (), False),
        ("running", "manual", {"run_job": "up_for_retry"}, (), True),
    ],
)
def test_an_active_run_names_the_jobs_that_it_waits_for(
    session: Session,
    state: str,
    run_type: str,
    tasks: dict[str, str | None],
    waits_for: tuple[str, ...],
    is_retrying: bool,
) -> None:
    add_run(session, "the one", state, run_type=run_type, tasks=tasks, logical_date=NOW)
    run = the_run(session)
    assert (run.is_active, run.waits_for, run.is_retrying) == (True, waits_for, is_retrying)


def test_a_retry_has_the_reason_of_the_attempt_before(session: Session) -> None:
    reason = {("run_job", "reason"): "no answer"}
    add_run(session, "manual__1", "running", tasks={"run_job": "up_for_retry"}, xcoms=reason)
    assert (the_run(session).is_retrying, the_run(session).reason) == (True, "no answer")


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
    run = the_run(session)
    assert (run.started_by, run.run_date) == (started_by, run_date)


def add_event(session: Session, moment: datetime, event: str, run_id: str | None = None, **extra: Any) -> None:
    values = {"dttm": moment, "event": event, "dag_id": OWNER, "run_id": run_id, "owner": "jane"}
    session.execute(Log.__table__.insert().values(values | {"extra": json.dumps(extra)}))


@pytest.mark.parametrize(
    ("event", "extra", "what"),
    [
        ("patch_dag", {"is_paused": True, "method": "PATCH"}, "paused"),
        ("patch_dag", {"is_paused": False}, "unpaused"),
        ("patch_dag", {}, "paused or unpaused"),
        ("patch_dag_run", {"state": "failed"}, "marked as failed a run of"),
        ("patch_dag_run", {"note": "seen"}, "changed a run of"),
        ("sync_stop_run", {"reason": "wrong date"}, "stopped"),
    ],
)
def test_an_event_says_what_somebody_did(session: Session, event: str, extra: dict[str, Any], what: str) -> None:
    add_event(session, NOW, event, **extra)
    (found,) = facts(session).events
    assert (found.user, found.what) == ("jane", f"{what} {NAME}")
    assert found.reason == (extra.get("reason") or "")


@pytest.mark.parametrize(
    ("event", "extra", "deletes", "marks"),
    [
        ("delete_dag_run", {}, True, False),
        ("patch_dag_run", {"state": "success"}, False, True),
        ("patch_task_instance", {"new_state": "success"}, False, True),
        ("patch_dag_run", {"state": "queued"}, False, False),
    ],
)
def test_deletions_and_marks_of_success_are_known(
    session: Session, event: str, extra: dict[str, Any], *, deletes: bool, marks: bool
) -> None:
    add_event(session, NOW, event, "scheduled__1", **extra)
    (found,) = facts(session).events
    assert (found.is_deletion, found.marks_success) == (deletes, marks)


@pytest.mark.parametrize(
    ("event", "extra"), [("sync_stop_run", {"reason": "wrong"}), ("patch_dag_run", {"state": "failed"})]
)
def test_a_run_that_somebody_has_stopped_says_so_and_blames_no_other_job(
    session: Session, event: str, extra: dict[str, Any]
) -> None:
    tasks = {"wait_for_post_employing_body_trust_job": "failed", "run_job": "skipped"}
    add_run(session, "scheduled__1", "failed", NOW, tasks=tasks)
    add_event(session, NOW - timedelta(seconds=1), event, "scheduled__1", **extra)
    run = the_run(session)
    assert run.stopped_by is None
    assert run.reason == ("it was stopped by jane" + (": wrong" if "reason" in extra else ""))


def test_a_run_that_failed_long_after_it_was_stopped_and_cleared_has_its_own_reason(session: Session) -> None:
    add_run(session, "scheduled__1", "failed", NOW, xcoms={("run_job", "reason"): "no rows"})
    add_event(session, NOW - timedelta(minutes=10), "sync_stop_run", "scheduled__1")
    assert the_run(session).reason == "no rows"


def test_attempts_that_failed_and_were_repeated_are_known(session: Session) -> None:
    add_run(session, "scheduled__1", "success", NOW)
    attempt = {
        "dag_id": OWNER,
        "run_id": "scheduled__1",
        "map_index": -1,
        "try_number": 1,
        "pool": "-",
        "pool_slots": 1,
    }
    began, ended = NOW - timedelta(minutes=5), NOW - timedelta(minutes=4)
    for task_id in ("run_job", "run_next_job"):
        values = {
            "task_instance_id": uuid4(),
            "task_id": task_id,
            "state": "failed",
            "start_date": began,
            "end_date": ended,
        }
        values["span_status"] = "not_started"
        session.execute(TaskInstanceHistory.__table__.insert().values(attempt | values))
    ((start, end),) = the_run(session).attempts
    assert (start.minute, end.minute) == (began.minute, ended.minute)
