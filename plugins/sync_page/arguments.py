"""The body of a request that starts a run, checked by a model that is made from the table of parameters."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, StrictBool, ValidationError, create_model

from sync_jobs.errors import BadArgument
from sync_jobs.parameters import Kind, Parameter, refuse_unknown_parameters
from sync_jobs.run_dates import covered_dates, parse_date


def _iso_date(text: str) -> str | None:
    """In the form that the DAGs take; None for blanks only."""
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
    "percentage": Annotated[float, Field(strict=True, ge=0, le=100)],
    "growth": Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)],
}


def conf_of(body: object, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """The conf of a run from the JSON body of a request: the parameters that were given, and not null.

    body: None if there was none. Raises BadArgument, whose text names each wrong parameter.
    """
    names = [parameter.name for parameter in parameters]
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


@cache
def _model(parameters: tuple[Parameter, ...]) -> type[BaseModel]:
    given: dict[str, Any] = {parameter.name: (TYPES[parameter.kind] | None, None) for parameter in parameters}
    return create_model("Arguments", **given)
