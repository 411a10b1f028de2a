"""Recovery runs all jobs in the order of the table, and says which jobs to run again."""

import inspect
import time
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
from airflow.sdk import DAG, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DagRunTriggerException, TaskDeferred

from sync_airflow import task_defaults
from sync_airflow.tasks import recovery, recovery_summary
from sync_airflow.tasks.recovery import RecoverJobOperator, unfit_upstream_jobs
from sync_airflow.tasks.recovery_summary import SummaryOperator, jobs_to_run_again, table, what_to_run_again
from sync_jobs.catalogue import JOBS, find_job
from sync_jobs.errors import BadArgument
from sync_jobs.parameters import recovery_parameters
from sync_jobs.report import COUNTS, label
from tests.expected_jobs import DAG_IDS, EXPECTED_JOBS, ExpectedJob, expected_job_id

ALL_WELL = dict.fromkeys(DAG_IDS, "success")


def test_the_jobs_run_one_after_the_other_in_the_order_of_the_table_then_the_summary(dags: dict[str, DAG]) -> None:
    dag = dags["recovery"]
    chain = [*DAG_IDS, "summary"]
    assert {task.task_id for task in dag.tasks} == set(chain)
    assert dag.get_task(chain[0]).upstream_task_ids == set()
    for before, after in pairwise(chain):
        assert dag.get_task(after).upstream_task_ids == {before}


def test_each_task_runs_the_job_of_its_name_and_waits_for_its_end(dags: dict[str, DAG]) -> None:
    for dag_id in DAG_IDS:
        task = dags["recovery"].get_task(dag_id)
        assert isinstance(task, RecoverJobOperator)
        assert task.trigger_dag_id == dag_id
        assert task.fail_when_dag_is_paused
        assert (task.allowed_states, task.failed_states) == (["success"], ["failed"])


class TestWait:
    """A task of recovery holds a worker slot only while its job needs none, and does not wait forever."""

    task_id = DAG_IDS[0]

    @pytest.fixture(autouse=True)
    def _short_patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(task_defaults, "RECOVERY_PATIENCE", timedelta(seconds=0.3))
        monkeypatch.setattr(task_defaults, "RECOVERY_START_PATIENCE", timedelta(seconds=0.1))
        monkeypatch.setattr(task_defaults, "RECOVERY_POKE_INTERVAL", timedelta(seconds=0.01))

    def context(
        self,
        xcoms: dict[str, Any],
        *,
        attempt: int = 1,
        existing: tuple[str, ...] = (),
        states: tuple[str, ...] = (),
        tasks: str = "queued",
        **params: Any,
    ) -> Context:
        """states: that of the job's run at each look, the last one from then on. tasks: the state of its tasks."""
        looks = list(states) or ["running"]

        def look() -> str:
            return looks.pop(0) if looks[1:] else looks[0]

        moment = datetime(2026, 2, 28, 3, tzinfo=UTC)
        run = SimpleNamespace(
            conf={}, dag_id="recovery", run_id="manual__1", run_type="manual", logical_date=None, run_after=moment
        )
        ti = SimpleNamespace(
            try_number=attempt,
            max_tries=4 - 1,
            get_dr_count=lambda states=None, **_: look() in states if states else len(existing),
            get_task_states=lambda run_ids, **_: {run_ids[0]: {"run_job": tasks}},
            get_dag=lambda _: SimpleNamespace(is_paused=False),
            xcom_push=lambda key, value: xcoms.update({key: value}),
            xcom_pull=lambda task_ids, key: xcoms[key],  # noqa: ARG005
        )
        task = SimpleNamespace(retries=3)
        return cast(Context, {"dag_run": run, "ti": ti, "task": task, "params": defaultdict(lambda: None, params)})

    def execute(self, dags: dict[str, DAG], context: Context, task_id: str = DAG_IDS[0]) -> None:
        # Airflow refuses to execute an operator outside a task; this calls the method below that guard.
        inspect.unwrap(RecoverJobOperator.execute)(dags["recovery"].get_task(task_id), context)

    def test_the_task_starts_the_run_and_is_deferred_until_its_end(
        self, dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started: list[DagRunTriggerException] = []
        monkeypatch.setattr(recovery, "start_run", started.append)
        xcoms: dict[str, Any] = {}
        with pytest.raises(TaskDeferred) as deferred:
            self.execute(dags, self.context(xcoms))
        (order,) = started
        run_id = "recovery__manual__1__1"
        assert (order.trigger_dag_id, order.dag_run_id, xcoms["trigger_run_id"]) == (self.task_id, run_id, run_id)
        assert order.conf == {"run_date": "2026-02-28", "run_follow_on_jobs": False}
        _, arguments = deferred.value.trigger.serialize()
        assert (arguments["external_dag_id"], arguments["run_ids"]) == (self.task_id, [run_id])
        assert (arguments["allowed_states"], arguments["failed_states"]) == (["success"], ["failed"])
        assert arguments["recheck_after"] == 9 * 3600
        assert deferred.value.timeout == timedelta(hours=9, minutes=5)

    def test_the_task_ends_with_a_run_that_takes_seconds(
        self, dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recovery, "start_run", lambda _: None)
        self.execute(dags, self.context({}, states=("running", "success")))
        with pytest.raises(AirflowFailException, match=r"The run recovery__manual__1__1 of .* failed"):
            self.execute(dags, self.context({}, states=("running", "failed")))

    @pytest.mark.parametrize(("tasks", "patience"), [("queued", 0.1), ("running", 0.3)])
    def test_the_task_is_deferred_earlier_if_no_task_of_the_run_is_at_work(
        self, dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch, tasks: str, patience: float
    ) -> None:
        monkeypatch.setattr(recovery, "start_run", lambda _: None)
        slept: list[float] = []
        monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
        monkeypatch.setattr(time, "sleep", slept.append)
        with pytest.raises(TaskDeferred):
            self.execute(dags, self.context({}, tasks=tasks))
        assert sum(slept) == pytest.approx(patience, abs=0.015)

    def test_a_retry_waits_for_the_run_that_the_previous_attempt_has_started(
        self, dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recovery, "start_run", lambda _: None)  # Airflow answers that it exists already
        with pytest.raises(TaskDeferred) as deferred:
            self.execute(dags, self.context({}, attempt=2, existing=("recovery__manual__1__1",)))
        assert deferred.value.trigger.serialize()[1]["run_ids"] == ["recovery__manual__1__1"]

    def test_a_run_of_an_earlier_recovery_with_the_same_id_is_not_taken_for_its_own(self, dags: dict[str, DAG]) -> None:
        with pytest.raises(AirflowFailException, match=r"recovery__manual__1__1 of .* exists already"):
            self.execute(dags, self.context({}, existing=("recovery__manual__1__1",)))

    def test_a_paused_job_fails_at_once_and_says_what_to_do(
        self, dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        context = self.context({})
        monkeypatch.setattr(context["ti"], "get_dag", lambda _: SimpleNamespace(is_paused=True))
        with pytest.raises(AirflowFailException, match=f"The DAG {self.task_id} is paused: unpause it"):
            self.execute(dags, context)

    def test_a_wait_beyond_its_time_limit_is_not_repeated(self, dags: dict[str, DAG]) -> None:
        task = dags["recovery"].get_task(self.task_id)
        assert isinstance(task, RecoverJobOperator)
        with pytest.raises(AirflowFailException, match="has not ended within 9:00:00"):
            task.resume_execution("__fail__", {"error": "Trigger timeout"}, self.context({"trigger_run_id": "r"}))

    @pytest.mark.parametrize("given", ["20260228", "28/02/2026"])
    def test_a_run_date_that_is_no_date_fails_at_once(self, dags: dict[str, DAG], given: str) -> None:
        with pytest.raises(AirflowFailException, match=f"The date is not correct: {given}"):
            self.execute(dags, self.context({}, run_date=given))

    @pytest.mark.parametrize("dag_id", DAG_IDS)
    def test_a_first_date_is_passed_only_to_the_jobs_that_cover_missed_nights(
        self, dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch, dag_id: str
    ) -> None:
        started: list[DagRunTriggerException] = []
        monkeypatch.setattr(recovery, "start_run", started.append)
        monkeypatch.setattr(recovery, "states_of_jobs", lambda *_: ALL_WELL)
        with pytest.raises(TaskDeferred):
            self.execute(dags, self.context({}, first_date="2026-02-20"), dag_id)
        conf = started[0].conf or {}
        assert conf.get("first_date") == ("2026-02-20" if find_job(dag_id).covers_missed_nights else None)
        assert conf.keys() <= dags[dag_id].params.keys()

    def test_a_first_date_after_the_run_date_starts_no_job(self, dags: dict[str, DAG]) -> None:
        with pytest.raises(AirflowFailException, match="is after the run date 2026-02-28"):
            self.execute(dags, self.context({}, first_date="2026-03-01"))

    @pytest.mark.parametrize(
        ("status", "text"), [("failed", "The run r of .* failed"), ("recheck", "has not ended within 9:00:00")]
    )
    def test_a_failed_run_and_one_that_does_not_end_fail_the_task(
        self, dags: dict[str, DAG], status: str, text: str
    ) -> None:
        task = dags["recovery"].get_task(self.task_id)
        assert isinstance(task, RecoverJobOperator)
        with pytest.raises(AirflowFailException, match=text):
            task.report_end(self.context({"trigger_run_id": "r"}), {"status": status})
        task.report_end(self.context({"trigger_run_id": "r"}), {"status": "success"})


@pytest.mark.parametrize("task_id", DAG_IDS)
def test_a_recovery_with_an_unknown_parameter_starts_no_job(dags: dict[str, DAG], task_id: str) -> None:
    # The run has only a conf, so anything that happened before the refusal would fail.
    run, reasons = SimpleNamespace(conf={"run_date": "2026-02-28", "dry_run": True}), []
    context = {"dag_run": run, "ti": SimpleNamespace(xcom_push=lambda key, value: reasons.append((key, value)))}
    with pytest.raises(AirflowFailException, match=r"Unknown parameter 'dry_run'\. Expected some of run_date, "):
        # Airflow refuses to execute an operator outside a task; this calls the method below that guard.
        inspect.unwrap(RecoverJobOperator.execute)(dags["recovery"].get_task(task_id), context)
    assert [key for key, _ in reasons] == ["reason"]


def test_later_jobs_and_the_summary_run_after_a_failed_job(dags: dict[str, DAG]) -> None:
    for task_id in [*DAG_IDS[1:], "summary"]:
        assert dags["recovery"].get_task(task_id).trigger_rule == "all_done"


def test_a_lost_attempt_of_any_task_of_recovery_is_repeated(dags: dict[str, DAG]) -> None:
    assert {task.task_id: task.retries for task in dags["recovery"].tasks} == dict.fromkeys([*DAG_IDS, "summary"], 3)


def test_recovery_has_no_schedule_one_run_at_a_time_and_a_time_limit(dags: dict[str, DAG]) -> None:
    dag = dags["recovery"]
    assert dag.schedule is None
    assert dag.max_active_runs == 1
    assert dag.dagrun_timeout is not None
    assert dag.params.dump() == {each.name: each.default for each in recovery_parameters()}


@pytest.mark.parametrize("expected", EXPECTED_JOBS, ids=expected_job_id)
def test_jobs_downstream_of_a_failed_job_are_skipped_and_all_others_run(expected: ExpectedJob) -> None:
    failed, not_run = expected.name, list(expected.runs_after)
    states: dict[str, str | None] = {}
    for job in JOBS:
        if job.name == failed:
            states[job.dag_id] = "failed"
        else:
            states[job.dag_id] = "skipped" if unfit_upstream_jobs(job, states) else "success"
    assert [job.name for job in JOBS if states[job.dag_id] == "skipped"] == not_run
    assert [job.name for job in jobs_to_run_again(states)] == [failed, *not_run]


def test_a_skipped_job_also_blocks_its_downstream_jobs() -> None:
    states = ALL_WELL | {"person_placement_training_body_trust_job": "skipped"}
    unfit = unfit_upstream_jobs(find_job("PersonElasticSearchSyncJob"), states)
    assert [job.name for job in unfit] == ["PersonPlacementTrainingBodyTrustJob"]


def test_a_recovery_without_failures_has_nothing_to_run_again() -> None:
    assert jobs_to_run_again(ALL_WELL) == ()


def test_a_job_that_never_started_is_to_be_run_again() -> None:
    states = ALL_WELL | {"person_record_status_job": None}
    assert [job.name for job in jobs_to_run_again(states)] == ["PersonRecordStatusJob"]


def test_the_summary_lists_the_jobs_to_run_again_in_order_with_reasons() -> None:
    states = ALL_WELL | {
        "person_placement_employing_body_trust_job": "failed",
        "person_placement_training_body_trust_job": "skipped",
        "person_elastic_search_sync_job": "skipped",
        "post_funding_status_sync_job": "upstream_failed",
    }
    reasons = {"person_placement_employing_body_trust_job": "it would remove 100 of 100"}
    text = what_to_run_again(jobs_to_run_again(states), states, reasons, date(2026, 2, 28))
    assert text.splitlines()[:5] == [
        f"Run 4 of {len(DAG_IDS)} jobs again, in this order, with run_date 2026-02-28:",
        "  PersonPlacementEmployingBodyTrustJob failed: it would remove 100 of 100",
        "  PersonPlacementTrainingBodyTrustJob did not run, because its upstream did not succeed: "
        "PersonPlacementEmployingBodyTrustJob",
        "  PersonElasticSearchSyncJob did not run, because its upstream did not succeed: "
        "PersonPlacementEmployingBodyTrustJob, PersonPlacementTrainingBodyTrustJob",
        "  PostFundingStatusSyncJob did not run",
    ]


def test_the_summary_repeats_the_warnings_of_the_jobs_and_notes_the_verdict(
    dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = dags["recovery"].get_task("summary")
    warnings: list[str] = []
    log = SimpleNamespace(info=lambda *_: None, warning=warnings.append)
    monkeypatch.setattr(type(summary), "log", log)
    monkeypatch.setattr(recovery_summary, "states_of_jobs", lambda *_: ALL_WELL)
    monkeypatch.setattr(recovery_summary, "night_known_to", lambda *_: SimpleNamespace(sentence="It was fine."))
    noted: dict[str, str] = {}
    xcoms = {("person_record_status_job", "trigger_run_id"): "r", ("run_job", "return_value"): {"warning": "mind this"}}

    def xcom_pull(task_ids: str, key: str = "return_value", **_: object) -> Any:
        return xcoms.get((task_ids, key))

    moment = datetime(2026, 2, 28, 3, tzinfo=UTC)
    run = SimpleNamespace(conf={}, run_type="manual", logical_date=None, run_after=moment)
    ti = SimpleNamespace(xcom_pull=xcom_pull, xcom_push=lambda key, value: noted.update({key: value}))
    context = {"ti": ti, "dag_run": run, "params": {"run_date": None, "confirm_run_date": False}}
    # Airflow refuses to execute an operator outside a task; this calls the method below that guard.
    assert inspect.unwrap(SummaryOperator.execute)(summary, context) == "2026-02-28"
    assert warnings == ["mind this"]
    assert noted == {"verdict": "It was fine."}


def test_the_summary_of_a_recovery_with_a_far_run_date_asks_for_a_confirmation_and_not_for_the_same_run(
    dags: dict[str, DAG],
) -> None:
    run = SimpleNamespace(conf={}, run_type="manual", logical_date=None, run_after=datetime(2026, 2, 28, 3, tzinfo=UTC))
    params = {"run_date": "1800-01-01", "confirm_run_date": False}
    context = {"ti": SimpleNamespace(xcom_push=lambda **_: None), "dag_run": run, "params": params}
    with pytest.raises(AirflowFailException, match=r"run date 1800-01-01 .* with confirm_run_date true\. Nothing was"):
        # Airflow refuses to execute an operator outside a task; this calls the method below that guard.
        inspect.unwrap(SummaryOperator.execute)(dags["recovery"].get_task("summary"), context)


def test_the_table_has_one_line_per_job_with_its_counts() -> None:
    counts: dict[str, float] = {"read": 10, "added": 1, "changed": 2, "removed": 3, "unchanged": 4, "refreshed": 0}
    counts |= {"left_out": 5, "seconds": 1.26}
    states = ALL_WELL | {"person_record_status_job": "failed"}
    reports = {dag_id: counts for dag_id in DAG_IDS if states[dag_id] == "success"}
    head, *lines = table(states, reports).splitlines()
    assert head.split() == " ".join(["job state", *map(label, COUNTS), "seconds"]).split()
    assert [line.split()[0] for line in lines] == [expected.name for expected in EXPECTED_JOBS]
    assert ["PersonOwnerRebuildJob", "success", "10", "1", "2", "3", "4", "0", "5", "1.3"] in map(str.split, lines)
    assert ["PersonRecordStatusJob", "failed"] in map(str.split, lines)


def context_of(conf: dict[str, Any]) -> Context:
    return cast(Context, {"dag_run": SimpleNamespace(conf=conf)})


def test_a_recovery_can_be_asked_for_some_jobs_and_runs_them_in_table_order() -> None:
    asked = [DAG_IDS[5], DAG_IDS[1]]
    assert [job.dag_id for job in recovery.wanted_jobs(context_of({"only_jobs": asked}))] == [DAG_IDS[1], DAG_IDS[5]]
    assert recovery.wanted_jobs(context_of({})) == JOBS


@pytest.mark.parametrize("asked", [[], "recovery", ["unknown"], 1])
def test_a_wrong_list_of_jobs_is_refused(asked: Any) -> None:
    with pytest.raises(BadArgument, match="only_jobs: expected a list with some of"):
        recovery.wanted_jobs(context_of({"only_jobs": asked}))


def context_of_a_recovery_of(job: str) -> Context:
    context = TestWait().context({})
    context["dag_run"].conf = {"only_jobs": [job]}
    return context


def test_a_recovery_of_some_jobs_skips_the_others(dags: dict[str, DAG]) -> None:
    with pytest.raises(AirflowSkipException, match="not one of the jobs that this recovery was asked to run"):
        TestWait().execute(dags, context_of_a_recovery_of(DAG_IDS[5]), DAG_IDS[0])


def test_a_recovery_of_some_jobs_does_not_miss_the_jobs_before_them(
    dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[DagRunTriggerException] = []
    monkeypatch.setattr(recovery, "start_run", started.append)
    monkeypatch.setattr(recovery, "states_of_jobs", lambda *_: {})
    with pytest.raises(TaskDeferred):
        TestWait().execute(dags, context_of_a_recovery_of(DAG_IDS[5]), DAG_IDS[5])
    assert [order.trigger_dag_id for order in started] == [DAG_IDS[5]]
