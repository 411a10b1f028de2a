"""The table of run parameters, and the reference page that is made from it."""

from dataclasses import asdict, fields

import pytest

from docs.write_parameters import PAGE, page
from sync_jobs.catalogue import JOBS, Job, find_job
from sync_jobs.guard_rail import Limits
from sync_jobs.parameters import (
    LIMITS,
    PARAMETERS,
    Parameter,
    job_parameters,
    recovery_parameters,
    rollback_parameters,
)
from tests.expected_jobs import EXPECTED_JOBS, ExpectedJob, expected_job_id

INDEX_BUILD = find_job("PersonElasticSearchSyncJob")


def by_name(parameters: tuple[Parameter, ...]) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in parameters}


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make generate"


def test_every_parameter_has_a_title_and_an_explanation_in_sentences() -> None:
    for parameter in PARAMETERS:
        assert parameter.title, parameter.name
        assert parameter.explanation.endswith("."), parameter.name
        assert parameter.values, parameter.name
        assert "|" not in parameter.explanation, f"{parameter.name}: the explanation is a cell of a Markdown table"


def test_the_names_are_those_that_operators_and_scripts_use() -> None:
    names = {"run_date", "date_override", "direction", "run_follow_on_jobs", "dry_run"}
    names |= {f"maximum_{effect}_percent" for effect in ("removed", "added", "changed")}
    assert {parameter.name for parameter in PARAMETERS} >= names


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.dag_id)
def test_a_job_takes_a_date_override_only_if_the_catalogue_says_so(job: Job) -> None:
    assert ("date_override" in by_name(job_parameters(job))) == job.takes_date_override


def test_every_dag_takes_every_limit() -> None:
    for parameters in (job_parameters(INDEX_BUILD), recovery_parameters(), rollback_parameters(Limits())):
        assert set(LIMITS) <= set(by_name(parameters))


def test_a_job_has_its_own_limits_as_defaults() -> None:
    for job in JOBS:
        parameters = by_name(job_parameters(job))
        assert {name: parameters[name].default for name in LIMITS} == asdict(job.limits)
    limits = Limits(**dict.fromkeys(LIMITS, 7))
    parameters = by_name(rollback_parameters(limits))
    assert {name: parameters[name].default for name in LIMITS} == dict.fromkeys(LIMITS, 7)


def test_recovery_leaves_the_limits_to_each_job() -> None:
    parameters = by_name(recovery_parameters())
    for name in LIMITS:
        assert parameters[name].default is None
        assert parameters[name].explanation.endswith("Empty: each job's own limit.")


@pytest.mark.parametrize("expected", EXPECTED_JOBS, ids=expected_job_id)
def test_a_job_names_its_follow_on_jobs_or_says_that_there_are_none(expected: ExpectedJob) -> None:
    parameter = by_name(job_parameters(find_job(expected.name)))["run_follow_on_jobs"]
    names = ", ".join(expected.runs_after)
    assert parameter.has_effect == bool(names)
    assert parameter.explanation.endswith(
        f"Here: {names}." if names else "This job has none, so it makes no difference."
    )


def test_a_given_limit_replaces_the_default_and_anything_else_is_left_alone() -> None:
    limits = Limits(maximum_removed_percent=5)
    assert limits.overridden_by({"maximum_removed_percent": 30, "dry_run": True}).maximum_removed_percent == 30
    assert limits.overridden_by({"maximum_removed_percent": 0}).maximum_removed_percent == 0
    assert limits.overridden_by({"maximum_removed_percent": None}) == limits
    assert limits.overridden_by({}) == limits


def test_each_limit_has_the_texts_that_forms_need() -> None:
    for limit in fields(Limits):
        assert set(limit.metadata) == {"title", "explanation", "maximum"}
