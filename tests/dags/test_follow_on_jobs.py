"""The follow-on jobs of a manual run: for the same date, each once, in order."""

import inspect
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException

from sync_airflow.run_ids import child_run_id
from sync_airflow.tasks.follow_on_jobs import RunNextJobOperator, conf_of_next, jobs_to_run_next
from sync_jobs.catalogue import JOBS, Job, find_job, jobs_waiting_for
from tests.expected_jobs import EXPECTED_JOBS, ExpectedJob, expected_job_id

# Jobs for whose success another one waits in the same night.
WAITED_FOR = [job for job in EXPECTED_JOBS if any(job.name in other.waits_for for other in EXPECTED_JOBS)]
PARAMS = {"run_follow_on_jobs": True, "dry_run": False}
EMPLOYING = find_job("PersonPlacementEmployingBodyTrustJob")


def next_jobs(
    job: Job = EMPLOYING, *, run_type: str = "manual", conf: dict[str, Any] | None = None, **params: Any
) -> list[str]:
    jobs = jobs_to_run_next(job, run_type=run_type, params=PARAMS | params, conf=conf or {})
    return [other.name for other in jobs]


@pytest.mark.parametrize("expected", EXPECTED_JOBS, ids=expected_job_id)
@pytest.mark.parametrize("run_type", ["manual", "operator_triggered"])
def test_a_manual_run_starts_its_follow_on_jobs_each_once_in_order(expected: ExpectedJob, run_type: str) -> None:
    assert next_jobs(find_job(expected.name), run_type=run_type) == list(expected.runs_after)


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_a_run_of_a_night_starts_nothing(run_type: str) -> None:
    assert next_jobs(run_type=run_type) == []


def test_a_dry_run_starts_nothing() -> None:
    assert next_jobs(dry_run=True) == []


def test_nothing_is_started_without_run_follow_on_jobs() -> None:
    assert next_jobs(run_follow_on_jobs=False) == []


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.dag_id)
def test_each_follow_on_job_runs_once_and_in_order_along_the_chain(job: Job) -> None:
    ran, rest = [], jobs_to_run_next(job, run_type="manual", params=PARAMS, conf={})
    expected = [other.name for other in rest]
    while rest:
        conf = conf_of_next(date(2024, 2, 29), rest[1:])
        assert conf["run_date"] == "2024-02-29"
        assert conf["run_follow_on_jobs"] is False
        ran.append(rest[0].name)
        rest = jobs_to_run_next(rest[0], run_type="operator_triggered", params=PARAMS | conf, conf=conf)
    assert ran == expected


def test_only_a_run_in_the_chain_passes_on_the_rest_of_it() -> None:
    conf = {"then_run": ["post_funding_status_sync_job"]}
    assert next_jobs(run_type="manual", conf=conf, run_follow_on_jobs=False) == []


def test_the_run_ids_along_a_chain_name_the_run_that_began_it() -> None:
    second = child_run_id("after", "manual__1", 1)
    assert (second, child_run_id("after", second, 1)) == ("after__manual__1__1", "after__manual__1__1__1")


def test_a_repeated_task_starts_a_run_with_another_valid_id() -> None:
    ids = {child_run_id("recovery", "r" * 250, number) for number in (1, 2)}
    assert len(ids) == 2
    assert all(len(run_id) <= 250 for run_id in ids)


@pytest.mark.parametrize(("attempt", "max_tries", "number"), [(1, 3, 1), (3, 3, 1), (5, 7, 5), (6, 7, 5)])
def test_a_retry_asks_for_the_run_that_a_lost_attempt_may_have_started(
    attempt: int, max_tries: int, number: int
) -> None:
    job = find_job("PersonOwnerRebuildJob")
    with DAG("of_this_test", schedule=None):
        operator = RunNextJobOperator(task_id="run_next_job", job_name=job.name)
    moment = datetime(2024, 2, 29, 9, tzinfo=UTC)
    run = SimpleNamespace(
        run_type="manual", clear_number=0, logical_date=None, run_after=moment, run_id="manual__1", conf=None
    )
    ti = SimpleNamespace(try_number=attempt, max_tries=max_tries, get_dag=lambda _: SimpleNamespace(is_paused=False))
    context = {"dag_run": run, "params": {**PARAMS, "run_date": None}, "ti": ti, "task": operator}
    with pytest.raises(DagRunTriggerException) as order:
        # Airflow refuses to execute an operator outside a task; this calls the method below that guard.
        inspect.unwrap(RunNextJobOperator.execute)(operator, context)
    assert order.value.dag_run_id == f"after__manual__1__{number}"
    assert order.value.skip_when_already_exists


class TestClearedRunOfANight:
    """A cleared run of a night clears the next job's run of that night, because Airflow only clears its own DAG."""

    def execute(self, job: Job, *, clear_number: int = 1, run_type: str = "scheduled", runs: int = 1) -> NoReturn:
        with DAG("of_this_test", schedule=None):
            operator = RunNextJobOperator(task_id="run_next_job", job_name=job.name)
        tick = datetime.combine(date(2024, 2, 29), job.at, tzinfo=UTC)
        run = SimpleNamespace(
            run_type=run_type, clear_number=clear_number, logical_date=tick, run_after=tick, run_id="x", conf=None
        )
        asked = []

        def get_dr_count(dag_id: str, run_ids: list[str]) -> int:
            asked.append((dag_id, *run_ids))
            return runs

        ti = SimpleNamespace(get_dr_count=get_dr_count, get_dag=lambda _: SimpleNamespace(is_paused=False))
        # Airflow refuses to execute an operator outside a task; this calls the method below that guard.
        inspect.unwrap(RunNextJobOperator.execute)(operator, {"dag_run": run, "params": PARAMS, "ti": ti})
        raise AssertionError(f"nothing was asked of Airflow: {asked}")

    @pytest.mark.parametrize("expected", WAITED_FOR, ids=expected_job_id)
    def test_it_clears_the_next_jobs_run_of_the_same_night(self, expected: ExpectedJob) -> None:
        following = next(other for other in EXPECTED_JOBS if expected.name in other.waits_for)
        with pytest.raises(DagRunTriggerException) as order:
            self.execute(find_job(expected.name))
        assert order.value.trigger_dag_id == following.dag_id
        assert order.value.dag_run_id == f"scheduled__2024-02-29T{following.at:%H:%M}:00+00:00"
        assert order.value.reset_dag_run

    @pytest.mark.parametrize("job", [job for job in JOBS if not jobs_waiting_for(job)], ids=lambda job: job.dag_id)
    def test_nothing_is_cleared_after_a_job_that_no_job_waits_for(self, job: Job) -> None:
        with pytest.raises(AirflowSkipException):
            self.execute(job)

    def test_a_run_that_is_not_due_yet_is_left_to_the_schedule(self) -> None:
        with pytest.raises(AirflowSkipException):
            self.execute(EMPLOYING, runs=0)

    def test_a_run_of_a_night_that_was_not_cleared_clears_nothing(self) -> None:
        with pytest.raises(AirflowSkipException):
            self.execute(EMPLOYING, clear_number=0)

    @pytest.mark.parametrize("job", JOBS, ids=lambda job: job.dag_id)
    def test_every_waiting_job_is_reached_one_after_the_other(self, job: Job) -> None:
        reached, next_ = [], job
        while waiting := jobs_waiting_for(next_):
            next_ = waiting[0]
            reached.append(next_)
        assert set(jobs_waiting_for(job)) <= set(reached)
