"""The DAGs of the jobs say what the contract says, and every DAG of the project has what operators need."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from airflow._shared.module_loading import find_path_from_directory
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError
from airflow.sdk.timezone import coerce_datetime
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction

from sync_airflow import dag_ids, task_defaults
from sync_airflow.dag_ids import ELASTICSEARCH_CONNECTION, POSTGRES_CONNECTION, RUN_JOB, index_settings_variable
from sync_airflow.tasks.job_operator import DATE_OF_CHANGE_OVERRIDE
from sync_airflow.tasks.sensors import NightlyJobSensor
from sync_jobs.catalogue import find_job
from sync_jobs.index_definitions import INDEX_DEFINITIONS
from sync_jobs.parameters import job_parameters
from tests.expected_jobs import BY_DAG_ID, BY_NAME, DAG_IDS, EXPECTED_JOBS, ExpectedJob, expected_job_id

ROOT = Path(__file__).resolve().parents[2]

each_job = pytest.mark.parametrize("expected", EXPECTED_JOBS, ids=expected_job_id)


def next_run_of_a_new_dag(dag: DAG) -> datetime:
    """When the scheduler plans the first run of a DAG without runs."""
    as_stored = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    earliest = min((task.start_date for task in as_stored.tasks if task.start_date), default=as_stored.start_date)
    restriction = TimeRestriction(earliest=coerce_datetime(earliest), latest=None, catchup=as_stored.catchup)
    info = as_stored.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    assert info is not None
    return info.run_after


def params_with(dag: DAG, **values: object) -> dict[str, object]:
    params = ParamsDict({name: dag.params.get_param(name) for name in dag.params})
    params = params.__deepcopy__(None)
    params.update(values)
    return params.validate()


def waits_of(dag: DAG) -> list[NightlyJobSensor]:
    return [task for task in dag.tasks if isinstance(task, NightlyJobSensor)]


def test_there_is_a_dag_for_each_job_two_for_each_index_and_recovery(dag_bag: DagBag) -> None:
    aliases = [job.builds_index for job in EXPECTED_JOBS if job.builds_index]
    of_indices = [f"{alias}_index_{what}" for alias in aliases for what in ("alarm", "rollback")]
    assert dag_bag.import_errors == {}
    assert sorted(dag_bag.dags) == sorted([*DAG_IDS, *of_indices, "recovery"]) == sorted(dag_ids.DAG_IDS)


@each_job
def test_each_job_is_due_once_a_night_at_its_time_in_utc(dags: dict[str, DAG], expected: ExpectedJob) -> None:
    dag = dags[expected.dag_id]
    assert dag.dag_display_name == expected.name
    assert isinstance(dag.timetable, CronTriggerTimetable)
    assert dag.timetable.expression == f"{expected.at.minute} {expected.at.hour} * * *"
    assert str(dag.timetable.timezone) == "UTC"
    assert not dag.catchup
    assert dag.max_active_runs == 1


@pytest.mark.parametrize("minutes_after", [6, 120, 600])
@each_job
def test_a_new_dag_waits_for_the_next_night_instead_of_running_the_last_one(
    dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch, expected: ExpectedJob, minutes_after: int
) -> None:
    tick = datetime.combine(datetime(2026, 7, 1), expected.at, tzinfo=UTC)
    now = tick + timedelta(minutes=minutes_after)
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: now)
    assert next_run_of_a_new_dag(dags[expected.dag_id]) == tick + timedelta(days=1)


@each_job
def test_a_file_that_is_read_right_after_the_tick_does_not_lose_the_first_night(
    dags: dict[str, DAG], monkeypatch: pytest.MonkeyPatch, expected: ExpectedJob
) -> None:
    tick = datetime.combine(datetime(2026, 7, 1), expected.at, tzinfo=UTC)
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: tick + timedelta(seconds=1))
    assert next_run_of_a_new_dag(dags[expected.dag_id]) == tick


@each_job
def test_a_manual_run_takes_the_parameters_of_its_job(dags: dict[str, DAG], expected: ExpectedJob) -> None:
    params = dags[expected.dag_id].params
    parameters = job_parameters(find_job(expected.dag_id))
    assert params.dump() == {parameter.name: parameter.default for parameter in parameters}
    assert ("date_override" in params) == expected.takes_date_override
    for name in params:
        param = params.get_param(name)
        assert param.description, f"{expected.dag_id}: give the Param {name} a description"
        assert param.schema["title"], f"{expected.dag_id}: give the Param {name} a title"


@pytest.mark.parametrize("value", ["2026-02-29", "01/02/2026", "tomorrow", "2026-2-1", 20260201, ""])
def test_an_invalid_run_date_is_refused_before_a_run_is_created(dags: dict[str, DAG], value: object) -> None:
    with pytest.raises(ParamValidationError):
        params_with(dags["person_owner_rebuild_job"], run_date=value)


@pytest.mark.parametrize("value", ["2024-02-29", None])
def test_a_run_date_may_be_a_date_or_nothing(dags: dict[str, DAG], value: object) -> None:
    assert params_with(dags["person_owner_rebuild_job"], run_date=value)["run_date"] == value


@pytest.mark.parametrize("value", [-1, 100.5, "20", None])
@pytest.mark.parametrize("limit", ["maximum_removed_percent", "maximum_changed_percent"])
def test_the_guard_rail_of_a_run_is_a_percentage(dags: dict[str, DAG], limit: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        params_with(dags["person_owner_rebuild_job"], **{limit: value})


def test_only_the_limit_of_growth_can_be_more_than_100_percent(dags: dict[str, DAG]) -> None:
    for dag in ("person_owner_rebuild_job", "recovery", "persons_index_rollback"):
        assert params_with(dags[dag], maximum_added_percent=900)["maximum_added_percent"] == 900
        with pytest.raises(ParamValidationError):
            params_with(dags[dag], maximum_added_percent=-1)


@pytest.mark.parametrize("value", [" ANY ", "\t2026-03-10\n", "", None, "2026-02-01", "ANY", "any", "None", "NONE"])
def test_date_override_accepts_what_the_job_accepts(dags: dict[str, DAG], value: object) -> None:
    assert params_with(dags["person_record_status_job"], date_override=value)["date_override"] == value


@pytest.mark.parametrize(
    "value", ["ALL", "2026-2-1", "01/02/2026", "2026-02-01x", 20260201, "2026-13-01", "2026-00-10", "2026-01-32"]
)
def test_date_override_refuses_anything_else(dags: dict[str, DAG], value: object) -> None:
    with pytest.raises(ParamValidationError):
        params_with(dags["person_record_status_job"], date_override=value)


def test_the_form_quotes_the_error_of_an_invalid_date_override(
    dags: dict[str, DAG],
) -> None:
    param = dags["person_record_status_job"].params.get_param("date_override")
    assert "The date is not correct" in (param.description or "")


@pytest.mark.parametrize("dag_id", [*DAG_IDS, "recovery"])
def test_the_form_says_that_the_logical_date_is_only_a_label(dags: dict[str, DAG], dag_id: str) -> None:
    param = dags[dag_id].params.get_param("run_date")
    assert "Logical Date above does not set it" in (param.description or "")


def test_every_manual_links_to_the_page(dags: dict[str, DAG]) -> None:
    for dag_id, dag in dags.items():
        assert "](sync/" in (dag.doc_md or ""), dag_id
    assert "(sync/#job-person_owner_rebuild_job)" in (dags["person_owner_rebuild_job"].doc_md or "")


def test_a_task_that_a_run_may_skip_says_so(dags: dict[str, DAG]) -> None:
    for dag_id in DAG_IDS:
        for task in dags[dag_id].tasks:
            if task.task_id != RUN_JOB:
                assert "kip" in (task.doc_md or ""), task.task_id
                assert re.search(r"\((at night only|if any)\)$", task.task_display_name), task.task_id


def test_every_dag_has_a_manual_that_explains_its_parameters(dags: dict[str, DAG]) -> None:
    for dag_id, dag in dags.items():
        assert dag.doc_md, f"{dag_id}: give it a doc_md; it is the operator's manual"
        assert dag.description, f"{dag_id}: give it a description"
        assert set(task_defaults.TAGS) <= set(dag.tags), f"{dag_id}: tag it with {task_defaults.TAGS}"
        for name in dag.params:
            assert f"`{name}`" in dag.doc_md, f"{dag_id}: the manual does not explain the param {name}"


@each_job
def test_the_manual_of_a_job_says_when_it_runs_what_it_writes_and_what_to_do_if_it_failed(
    dags: dict[str, DAG], expected: ExpectedJob
) -> None:
    manual = dags[expected.dag_id].doc_md or ""
    summary = find_job(expected.name).summary
    for part in (expected.name, f"{expected.at:%H:%M} UTC", expected.writes, summary, "If it failed"):
        assert part in manual


def test_every_task_has_an_owner_a_time_limit_and_retries_with_back_off(dags: dict[str, DAG]) -> None:
    for dag in dags.values():
        for task in dag.tasks:
            where = f"{dag.dag_id}.{task.task_id}"
            assert task.owner == task_defaults.OWNER, f"{where}: set the owner by default_args"
            assert task.execution_timeout, f"{where}: set an execution_timeout"
            assert task.execution_timeout <= task_defaults.JOB_TIMEOUT, where
            if dag.dag_id == "recovery" and task.task_id != "summary":
                continue  # the run that it starts has its own retries
            if task.task_id == "roll_back":
                assert task.retries == 0, f"{where}: a retry would roll back once more"
                continue
            assert task.retries == 3, f"{where}: use task_defaults.RETRIES"
            assert task.retry_exponential_backoff == 2, f"{where}: use task_defaults.RETRIES"
            assert task.max_retry_delay == timedelta(minutes=10), f"{where}: use task_defaults.RETRIES"


def waited_for(expected: ExpectedJob) -> list[ExpectedJob]:
    """The jobs for whose end, good or any, a scheduled run waits."""
    names = {*expected.waits_for, expected.waits_for_any_end_of}
    return [other for other in EXPECTED_JOBS if other.name in names]


@each_job
def test_each_job_waits_for_its_upstream_runs_of_the_same_night(dags: dict[str, DAG], expected: ExpectedJob) -> None:
    tasks = waits_of(dags[expected.dag_id])
    assert {task.external_dag_id: task.execution_delta for task in tasks} == {
        other.dag_id: timedelta(minutes=expected.minutes_after(other)) for other in waited_for(expected)
    }
    for task in tasks:
        assert task.task_id == f"wait_for_{task.external_dag_id}"
        assert task.deferrable
        assert task.timeout == timedelta(hours=6).total_seconds()
        assert task.downstream_task_ids == {"run_job"}


@pytest.mark.parametrize("expected", [job for job in EXPECTED_JOBS if waited_for(job)], ids=expected_job_id)
def test_a_failed_upstream_ends_the_wait_unless_any_end_will_do(dags: dict[str, DAG], expected: ExpectedJob) -> None:
    for task in waits_of(dags[expected.dag_id]):
        any_end = BY_DAG_ID[task.external_dag_id].name == expected.waits_for_any_end_of
        assert task.failed_states == ([] if any_end else ["failed"])
        assert task.allowed_states == (["success", "failed"] if any_end else ["success"])


@each_job
def test_the_work_comes_after_every_wait_and_before_the_next_job(dags: dict[str, DAG], expected: ExpectedJob) -> None:
    dag = dags[expected.dag_id]
    waits = {f"wait_for_{other.dag_id}" for other in waited_for(expected)}
    assert {task.task_id for task in dag.tasks} == {"run_job", "run_next_job", "replace_missing_run", *waits}
    assert dag.get_task("run_job").upstream_task_ids == waits
    # Sensors skip themselves in a manual run; a failed one must stop the job.
    assert dag.get_task("run_job").trigger_rule == "none_failed"
    assert dag.get_task("run_next_job").upstream_task_ids == {"run_job"}
    assert dag.get_task("run_next_job").trigger_rule == "all_success"


def upstream_ids(expected: ExpectedJob) -> set[str]:
    """DAG ids of all jobs whose success it needs, directly or through another."""
    found: set[str] = set()
    for name in expected.waits_for:
        found |= {BY_NAME[name].dag_id, *upstream_ids(BY_NAME[name])}
    return found


def test_the_last_success_of_each_job_is_kept_on_an_asset_of_its_own(dags: dict[str, DAG]) -> None:
    for expected in EXPECTED_JOBS:
        run_job = dags[expected.dag_id].get_task("run_job")
        assert [asset.name for asset in run_job.outlets] == [expected.dag_id]
        # Its inlets are the assets of the job and of all upstream jobs.
        assert {asset.name for asset in run_job.inlets} == {expected.dag_id, *upstream_ids(expected)}


def test_parsing_the_dag_files_imports_no_driver_and_no_job() -> None:
    program = (
        "import sys, nightly_jobs, recovery, index_alarms, index_rollbacks\n"
        "heavy = {'psycopg', 'elasticsearch', 'elastic_transport', 'sync_jobs.runner'}\n"
        "heavy |= {job.entry_point.split(':')[0] for job in nightly_jobs.JOBS}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    path = [str(ROOT / "dags"), str(ROOT / "plugins")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path}\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_airflow_looks_for_plugins_in_no_package_of_the_plugins_folder() -> None:
    plugins = ROOT / "plugins"
    found = [Path(path) for path in find_path_from_directory(str(plugins), ".airflowignore")]
    assert [path for path in found if path.suffix == ".py" and path.parent != plugins] == []


def test_the_settings_file_has_the_connections_and_variables_of_the_code() -> None:
    settings = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text(encoding="utf-8"))["airflow"]
    assert {entry["conn_id"]: entry["conn_type"] for entry in settings["connections"]} == {
        POSTGRES_CONNECTION: "postgres",
        ELASTICSEARCH_CONNECTION: "elasticsearch",
    }
    of_indices = map(index_settings_variable, INDEX_DEFINITIONS)
    assert [entry["variable_name"] for entry in settings["variables"]] == [DATE_OF_CHANGE_OVERRIDE, *of_indices]


@each_job
def test_the_manual_says_which_rows_an_append_only_job_removes(dags: dict[str, DAG], expected: ExpectedJob) -> None:
    explained = "It does remove rows of its own that no longer hold" in (dags[expected.dag_id].doc_md or "")
    assert explained == (expected.kind == "append-only")


def test_only_the_alarm_is_never_paused_from_the_start(dags: dict[str, DAG]) -> None:
    """The setting dags_are_paused_at_creation decides about the others."""
    decided = {dag_id: dag.is_paused_upon_creation for dag_id, dag in dags.items()}
    assert {dag_id for dag_id, paused in decided.items() if paused is False} == {"persons_index_alarm"}
    assert {paused for paused in decided.values() if paused is not False} == {None}
