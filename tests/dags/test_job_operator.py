"""The task that does the work: what it passes to the job, what it stores, how it handles errors."""

import inspect
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, Self, cast

import pendulum
import pytest
from airflow.sdk import DAG, Context, Variable
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
)

from sync_airflow.night_rules import Success
from sync_airflow.tasks import job_operator
from sync_airflow.tasks.job_operator import JobOperator
from sync_airflow.tasks.past_successes import asset_of
from sync_jobs import runner
from sync_jobs.catalogue import Job, find_job
from sync_jobs.errors import AlreadyRunning, BadArgument, GuardRail, RejectedDocument, SyncJobError, TransientError
from sync_jobs.guard_rail import Limits
from sync_jobs.parameters import job_parameters
from sync_jobs.report import Report
from sync_jobs.search.settings import IndexSettings

D = date(2024, 2, 29)
STATUS = find_job("PersonRecordStatusJob")
TICK = datetime(2024, 2, 29, 2, 0, tzinfo=UTC)
ENDED = datetime(2024, 2, 29, 2, 5, tzinfo=UTC)
VARIABLES = {"date_of_change_override": "2024-01-31", "persons_index_settings": {"senders": 2}}
PARAMS: dict[str, object] = {parameter.name: parameter.default for parameter in job_parameters(STATUS)}


class Events(list[SimpleNamespace]):
    """The past events of an asset with the interface of Airflow: the newest first, up to a limit."""

    def ascending(self, wanted: bool) -> Self:
        assert not wanted
        return self

    def limit(self, _: object) -> Self:
        return self


@dataclass
class TaskInstance:
    start_date: datetime = TICK
    try_number: int = 1
    max_tries: int = 3
    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


@dataclass
class Work:
    """Stands in for sync_jobs.runner.run_job and records its arguments."""

    error: BaseException | None = None
    announced: list[date] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=lambda: dict(VARIABLES))
    called_with: dict[str, Any] = field(default_factory=dict)

    def __call__(self, job: Job, **arguments: Any) -> Report:
        self.called_with = {"job": job} | arguments
        if self.error:
            raise self.error
        return Report(
            job=job.name,
            run_date=arguments["run_date"],
            first_date=arguments["first_date"] or arguments["run_date"],
            last_date=arguments["run_date"],
            dry_run=arguments["dry_run"],
            seconds=0.5,
            changed=3,
        )


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work()
    opened = contextmanager(lambda *arguments: (yield arguments))
    monkeypatch.setattr(job_operator, "open_postgres", opened)
    monkeypatch.setattr(job_operator, "open_elasticsearch", opened)
    monkeypatch.setattr(Variable, "get", lambda key, **arguments: work.variables.get(key, arguments["default"]))
    monkeypatch.setattr(Variable, "set", lambda key, value, **_: work.variables.update({key: value}))
    monkeypatch.setattr(pendulum, "now", lambda _: ENDED)
    monkeypatch.setattr(runner, "run_job", work)
    monkeypatch.setattr(job_operator, "announce_start", lambda _, run_date: work.announced.append(run_date))
    return work


def context(
    *,
    run_type: str = "scheduled",
    past: Sequence[Success] = (),
    start: datetime = TICK,
    conf: dict[str, Any] | None = None,
    times_cleared: int = 0,
    job: Job = STATUS,
    logical_date: datetime = TICK,
    **params: Any,
) -> Context:
    run = SimpleNamespace(
        run_type=run_type,
        run_id=f"{run_type}__1",
        logical_date=logical_date,
        run_after=logical_date,
        clear_number=times_cleared,
        conf=conf,
    )
    asset = asset_of(job)
    context = {
        "dag_run": run,
        "ti": TaskInstance(start),
        "params": PARAMS | params,
        "inlet_events": {asset: Events(SimpleNamespace(extra=success.as_extra()) for success in past)},
        "outlet_events": {asset: SimpleNamespace(extra={})},
    }
    return cast(Context, context)


def job_operator_of_this_test() -> JobOperator:
    with DAG("of_this_test", schedule=None, params=PARAMS):
        return JobOperator(task_id="run_job", job_name=STATUS.name)


def execute(of: Context, operator: JobOperator | None = None) -> dict[str, object]:
    operator = operator or job_operator_of_this_test()
    # Airflow refuses to execute an operator outside a task; this calls the method below that guard.
    report: dict[str, object] = inspect.unwrap(JobOperator.execute)(operator, of)
    return report


def success(run_date: date, **fields: Any) -> Success:
    started = fields.get("started", datetime.combine(run_date, TICK.timetz()))
    return Success(
        run_date=run_date, **{"run_id": "x", "own_date": run_date, "started": started, "ended": started} | fields
    )


@pytest.mark.usefixtures("work")
def test_the_report_is_returned_and_the_success_stored_on_the_asset() -> None:
    this = context()
    assert execute(this)["changed"] == 3
    assert Success.from_extra(this["outlet_events"][asset_of(STATUS)].extra) == Success(
        run_id="scheduled__1", run_date=D, own_date=D, started=TICK, ended=ENDED
    )


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize(
    ("this", "skipped"),
    [
        (context(), {"run_next_job", "replace_missing_run"}),
        (context(times_cleared=1), {"replace_missing_run"}),
        (context(run_type="manual", dry_run=True), {"run_next_job"}),
    ],
    ids=["a run of the night", "a cleared run", "a dry run with the logical date of the night"],
)
def test_tasks_after_the_job_that_have_no_work_are_skipped_and_the_report_is_kept(
    dags: dict[str, DAG], this: Context, skipped: set[str]
) -> None:
    operator = cast(JobOperator, dags[STATUS.dag_id].get_task("run_job"))
    with pytest.raises(DownstreamTasksSkipped) as order:
        execute(this, operator)
    assert set(order.value.tasks) == skipped
    assert cast(Any, this["ti"]).xcoms["return_value"]["changed"] == 3
    assert this["outlet_events"][asset_of(STATUS)].extra["run_date"] == D.isoformat()


@pytest.mark.usefixtures("work")
def test_no_task_is_skipped_if_all_have_work(dags: dict[str, DAG]) -> None:
    owner = find_job("PersonOwnerRebuildJob")
    operator = cast(JobOperator, dags[owner.dag_id].get_task("run_job"))
    tick = datetime.combine(D, owner.at, tzinfo=UTC)
    this = context(run_type="manual", logical_date=tick, job=owner)
    assert execute(this, operator)["changed"] == 3


def test_a_scheduled_run_passes_its_date_and_the_first_missed_one(work: Work) -> None:
    execute(context(past=(success(date(2024, 2, 26)),)))
    assert work.called_with["run_date"] == D
    assert work.called_with["first_date"] == date(2024, 2, 27)
    assert work.called_with["date_of_change_override"] == "2024-01-31"
    assert work.called_with["run_id"] == "scheduled__1"
    assert work.announced == [D]


def test_a_manual_run_passes_its_params(work: Work) -> None:
    params: dict[str, Any] = {
        "run_date": "2023-12-31",
        "dry_run": True,
        "maximum_removed_percent": 50,
        "date_override": "any",
    }
    this = context(run_type="manual", past=(success(date(2024, 2, 26)),), **params)
    execute(this)
    assert work.called_with["run_date"] == date(2023, 12, 31)
    assert work.called_with["first_date"] is None
    assert work.called_with["dry_run"] is True
    assert work.called_with["limits"] == Limits(maximum_removed_percent=50)
    assert work.called_with["date_override"] == "any"
    left = Success.from_extra(this["outlet_events"][asset_of(STATUS)].extra)
    assert (left.dry_run, left.date_override, left.of_its_night) == (True, "any", False)


def test_an_emptied_field_counts_as_empty(work: Work) -> None:
    execute(context(run_type="manual", date_override=None))
    assert work.called_with["date_override"] == ""


@pytest.mark.parametrize("blank", ["  ", "\n", "\u00a0"])
def test_a_blank_date_override_loses_no_missed_night(work: Work, blank: str) -> None:
    this = context(past=(success(date(2024, 2, 26)),), date_override=blank)
    execute(this)
    assert work.called_with["first_date"] == date(2024, 2, 27)
    assert Success.from_extra(this["outlet_events"][asset_of(STATUS)].extra).of_its_night


def test_a_run_with_an_unknown_parameter_fails_before_anything_starts(work: Work) -> None:
    with pytest.raises(AirflowFailException, match=r"Unknown parameter 'dryrun'\. Expected .*dry_run"):
        execute(context(run_type="manual", conf={"dryrun": True, "run_date": None}))
    assert work.called_with == {}
    assert work.announced == []


def test_a_run_may_have_its_params_and_the_rest_of_a_chain_in_its_conf(work: Work) -> None:
    execute(context(run_type="operator_triggered", conf={"run_date": None, "then_run": []}))
    assert work.called_with


@pytest.mark.usefixtures("work")
def test_the_log_has_the_report_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    operator, lines = job_operator_of_this_test(), []
    log = SimpleNamespace(info=lambda text, *values: lines.append(text % values), warning=lambda _: None)
    monkeypatch.setattr(type(operator), "log", log)
    execute(context(past=(success(date(2024, 2, 28)),)), operator)
    assert (
        lines[-1]
        == "PersonRecordStatusJob: read 0, added 0, changed 3, removed 0, unchanged 0, refreshed 0, left out 0, 0.5 s"
    )


@pytest.mark.parametrize("error", [TransientError, AlreadyRunning])
def test_a_transient_error_is_retried_by_airflow(work: Work, error: type[SyncJobError]) -> None:
    work.error = error("connection lost")
    this = context()
    with pytest.raises(error):
        execute(this)
    assert cast(TaskInstance, this["ti"]).xcoms == {"reason": "connection lost"}


@pytest.mark.usefixtures("work")
def test_a_task_that_airflow_stops_ends_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """On SIGTERM Airflow calls on_kill during the work, and raises no exception itself."""
    operator = job_operator_of_this_test()

    def told_to_stop(*_: object, **__: object) -> None:
        operator.on_kill()
        raise AssertionError("the work went on")

    monkeypatch.setattr(runner, "run_job", told_to_stop)
    with pytest.raises(SystemExit, match="was stopped by Airflow"):
        execute(context(), operator)
    operator.on_kill()  # there is no work to stop


def test_the_reason_of_a_task_that_took_too_long_names_its_limit(work: Work) -> None:
    work.error = AirflowTaskTimeout("Timeout")
    this = context()
    with pytest.raises(AirflowTaskTimeout):
        execute(this)
    reason = "PersonRecordStatusJob exceeded its time limit of 2:00:00"
    assert cast(TaskInstance, this["ti"]).xcoms == {"reason": reason}


@pytest.mark.parametrize("error", [BadArgument, GuardRail, RejectedDocument])
def test_an_error_that_would_occur_again_is_not_retried(work: Work, error: type[SyncJobError]) -> None:
    work.error = error("expected this, found that")
    this = context()
    with pytest.raises(AirflowFailException, match=r"^expected this, found that$"):
        execute(this)
    assert cast(TaskInstance, this["ti"]).xcoms == {"reason": "expected this, found that"}
    assert this["outlet_events"][asset_of(STATUS)].extra == {}


def test_an_invalid_run_date_fails_before_a_connection_is_opened(work: Work) -> None:
    with pytest.raises(AirflowFailException, match="not correct: 31/12/2023"):
        execute(context(run_type="manual", run_date="31/12/2023"))
    assert work.called_with == {}


def test_a_scheduled_run_whose_work_is_done_skips_itself_and_names_the_run_that_did_the_work(work: Work) -> None:
    recovered = success(D, run_id="recovery__1", started=datetime(2024, 2, 29, 3, tzinfo=UTC))
    with pytest.raises(AirflowSkipException, match="recovery__1"):
        execute(context(past=(recovered,), start=datetime(2024, 2, 29, 4, tzinfo=UTC)))
    assert work.called_with == {}
    assert work.announced == []


def test_the_index_build_gets_the_settings_of_the_variable(work: Work) -> None:
    execute(context())
    assert work.called_with["settings"] == IndexSettings(senders=2)


@pytest.mark.parametrize("value", [{"sender": 2}, [1], "text"])
def test_invalid_settings_fail_the_task_before_it_starts_and_without_a_retry(work: Work, value: Any) -> None:
    work.variables["persons_index_settings"] = value
    with pytest.raises(AirflowFailException, match="expected"):
        execute(context())
    assert not work.called_with


@pytest.mark.parametrize("run_date", ["1800-01-01", "9999-12-31", "2023-02-27", "2025-03-02"])
def test_a_run_date_more_than_a_year_away_is_refused_unless_it_is_confirmed(work: Work, run_date: str) -> None:
    with pytest.raises(AirflowFailException, match=rf"The run date {run_date} is .* days away, more than the 366"):
        execute(context(run_type="manual", run_date=run_date))
    assert not work.called_with
    execute(context(run_type="manual", run_date=run_date, confirm_run_date=True))
    assert work.called_with["run_date"] == date.fromisoformat(run_date)


def test_how_far_a_run_date_may_be_away_is_a_setting(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__TIS_SYNC__MAXIMUM_RUN_DATE_DAYS", "4000")
    execute(context(run_type="manual", run_date="2014-02-28"))
    assert work.called_with["run_date"] == date(2014, 2, 28)
    monkeypatch.setenv("AIRFLOW__TIS_SYNC__MAXIMUM_RUN_DATE_DAYS", "a year")
    with pytest.raises(AirflowFailException, match="MAXIMUM_RUN_DATE_DAYS: 'a year': expected a number of days"):
        execute(context(run_type="manual", run_date="2014-02-28"))


class TestNightMemory:
    """The nights that a job has done are in a variable, because housekeeping deletes asset events."""

    name = "nights_done_person_record_status_job"

    def test_a_real_run_remembers_its_night(self, work: Work) -> None:
        execute(context())
        assert work.variables[self.name] == "2024-02-29"

    def test_missed_nights_are_covered_when_all_asset_events_are_gone(self, work: Work) -> None:
        work.variables[self.name] = "2024-02-25 2024-02-26"
        assert execute(context())["warning"] == ""
        assert work.called_with["first_date"] == date(2024, 2, 27)
        assert work.variables[self.name] == "2024-02-25 2024-02-26 2024-02-29"

    def test_a_repeated_run_covers_the_same_dates_again(self, work: Work) -> None:
        work.variables[self.name] = "2024-02-26"
        for _ in range(2):
            execute(context())
            assert work.called_with["first_date"] == date(2024, 2, 27)

    def test_nights_that_only_asset_events_know_are_taken_over(self, work: Work) -> None:
        execute(context(past=(success(date(2024, 2, 26)),)))
        assert work.called_with["first_date"] == date(2024, 2, 27)
        assert work.variables[self.name] == "2024-02-26 2024-02-29"

    def test_the_later_night_counts_if_both_know_one(self, work: Work) -> None:
        work.variables[self.name] = "2024-02-20"
        execute(context(past=(success(date(2024, 2, 26)),)))
        assert work.called_with["first_date"] == date(2024, 2, 27)

    @pytest.mark.parametrize(
        "params", [{"dry_run": True}, {"date_override": "ANY"}, {"run_date": "2024-02-28"}], ids=str
    )
    def test_a_run_that_does_other_work_remembers_nothing(self, work: Work, params: dict[str, Any]) -> None:
        execute(context(run_type="manual", **params))
        assert self.name not in work.variables

    def test_a_run_that_fails_remembers_nothing(self, work: Work) -> None:
        work.error = TransientError("connection lost")
        with pytest.raises(TransientError):
            execute(context())
        assert self.name not in work.variables

    def test_a_run_that_knows_no_night_says_so_in_its_report(self, work: Work) -> None:
        report = execute(context())
        assert work.called_with["first_date"] is None
        text = "No earlier night of PersonRecordStatusJob is known, so this run covers only 2024-02-29. If nights were "
        assert str(report["warning"]).startswith(text)
        assert "first_date" in str(report["warning"])

    def test_only_the_latest_nights_are_kept(self, work: Work) -> None:
        work.variables[self.name] = " ".join(f"2024-01-{day:02}" for day in range(1, 31))
        execute(context())
        nights = work.variables[self.name].split()
        assert (len(nights), nights[0], nights[-1]) == (10, "2024-01-22", "2024-02-29")

    def test_a_value_that_is_no_date_is_refused_before_anything_starts(self, work: Work) -> None:
        work.variables[self.name] = "26/02/2024"
        with pytest.raises(AirflowFailException, match=f"Variable {self.name}: expected dates YYYY-MM-DD"):
            execute(context())
        assert not work.called_with
        assert work.variables[self.name] == "26/02/2024"


class TestFirstDate:
    """An operator may say from which date on a run covers missed nights."""

    def test_the_run_covers_every_date_from_the_given_one_and_warns_of_nothing(self, work: Work) -> None:
        report = execute(context(run_type="manual", first_date="2024-02-20"))
        assert work.called_with["first_date"] == date(2024, 2, 20)
        assert report["warning"] == ""
        assert work.variables[TestNightMemory.name] == "2024-02-29"

    @pytest.mark.parametrize(
        ("params", "error"),
        [
            ({"first_date": "2024-03-01"}, "is after the run date 2024-02-29"),
            ({"first_date": "2023-02-27"}, "367 days before the run date, more than the 366 allowed"),
            ({"first_date": "20/02/2024"}, "The date is not correct: 20/02/2024"),
            ({"first_date": "2024-02-20", "date_override": "ANY"}, "Expected first_date or date_override, got both"),
        ],
        ids=str,
    )
    def test_a_wrong_first_date_is_refused_before_anything_starts(
        self, work: Work, params: dict[str, Any], error: str
    ) -> None:
        with pytest.raises(AirflowFailException, match=error):
            execute(context(run_type="manual", **params))
        assert not work.called_with
        assert work.announced == []

    def test_a_first_date_far_before_the_run_date_can_be_confirmed(self, work: Work) -> None:
        execute(context(run_type="manual", first_date="2020-01-01", confirm_run_date=True))
        assert work.called_with["first_date"] == date(2020, 1, 1)
