"""The body of a request that starts a run, checked by a model that is made from the table of parameters."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, StrictBool, ValidationError, create_model

from sync_airflow.dag_ids import ONLY_JOBS
from sync_jobs.catalogue import JOBS
from sync_jobs.errors import BadArgument
from sync_jobs.parameters import MAXIMUMS, Kind, Parameter, refuse_unknown_parameters
from sync_jobs.run_dates import covered_dates, parse_date

# The name of date_override in requests of clients of the service that this one replaces.
OLD_DATE_OVERRIDE = "dateOverride"


def _iso_date(text: str) -> str | None:
    """A date in the form that the DAGs take; None for blanks only."""
    return str(parse_date(text)) if text.strip() else None


def _date_override(text: str) -> str:
    # Raises BadArgument unless it is a date, ANY, NONE or blank; the dates that it covers do not matter here.
    covered_dates(date.min, first_date=None, date_override=text, date_of_change_override="")
    return text


# The type of a value of each kind. The page starts no run that takes a choice.
TYPES: dict[Kind, Any] = {
    "date": Annotated[str, AfterValidator(_iso_date)],
    "date override": Annotated[str, AfterValidator(_date_override)],
    "boolean": StrictBool,
    **{
        kind: Annotated[float, Field(strict=True, ge=0, le=maximum, allow_inf_nan=False)]
        for kind, maximum in MAXIMUMS.items()
    },
}


def conf_of(body: object, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """The conf of a run from the JSON body of a request: the parameters that were given, and not null.

    body: None if there was none. Raises BadArgument, whose text names each wrong parameter.
    """
    names = [parameter.name for parameter in parameters]
    if isinstance(body, dict) and OLD_DATE_OVERRIDE in body and "date_override" in names:
        body = _with_new_name(body)
    expected = f"Expected a JSON object with some of {', '.join(names)}. Nothing was started."
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise BadArgument(expected)
    refuse_unknown_parameters(body, names)
    try:
        arguments = _model(parameters).model_validate(body)
    except ValidationError as error:
        wrong = "; ".join(": ".join([*map(str, problem["loc"]), problem["msg"]]) for problem in error.errors())
        raise BadArgument(f"{wrong}. {expected}") from error
    return arguments.model_dump(exclude_none=True)


def split_jobs(body: object) -> tuple[object, dict[str, list[str]]]:
    """The body of a request that starts recovery, without its list of jobs; and that list, as part of the conf.

    Raises BadArgument unless the list names jobs, each once.
    """
    if not isinstance(body, dict) or body.get("jobs") is None:
        return body, {}
    by_name = {job.name: job for job in JOBS}
    names = body["jobs"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name in by_name for name in names):
        raise BadArgument(f"jobs: expected a list with some of {', '.join(by_name)}. Nothing was started.")
    rest = {name: value for name, value in body.items() if name != "jobs"}
    return rest, {ONLY_JOBS: [job.dag_id for job in JOBS if job.name in names]}


def _with_new_name(body: dict[str, Any]) -> dict[str, Any]:
    if "date_override" in body:
        raise BadArgument(f"Expected {OLD_DATE_OVERRIDE} or date_override, got both. Nothing was started.")
    return {("date_override" if name == OLD_DATE_OVERRIDE else name): value for name, value in body.items()}


@cache
def _model(parameters: tuple[Parameter, ...]) -> type[BaseModel]:
    given: dict[str, Any] = {parameter.name: (TYPES[parameter.kind] | None, None) for parameter in parameters}
    return create_model("Arguments", **given)
