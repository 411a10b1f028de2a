"""Run parameters as Airflow's params: the form that starts a manual run, and its check of each value."""

from collections.abc import Iterable
from typing import Any

from airflow.sdk import Param

from sync_jobs.parameters import MAXIMUMS, Kind, Parameter

# A date override as far as a pattern can check it; the job checks that the date exists.
DATE_OVERRIDE_PATTERN = r"^\s*([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])|[Aa][Nn][Yy]|[Nn][Oo][Nn][Ee])?\s*$"

# JSON schema of a value of each kind.
SCHEMAS: dict[Kind, dict[str, Any]] = {
    # The format is inside allOf so that the form does not show its date picker. The picker takes a half-typed or
    # impossible date for an empty field, and would start a run for today; a text field is validated as it stands.
    "date": {"type": "string", "allOf": [{"format": "date"}]},
    "date override": {"type": ["null", "string"], "pattern": DATE_OVERRIDE_PATTERN},
    "boolean": {"type": "boolean"},
    **{
        kind: {"type": "number", "minimum": 0} | ({} if maximum is None else {"maximum": maximum})
        for kind, maximum in MAXIMUMS.items()
    },
    "choice": {"type": "string"},
}

# Added to the explanation of a date: the field takes any text, and the form has another date field.
DATE_NOTE = "Write it as YYYY-MM-DD. The Logical Date above does not set it: leave that as it is."


def airflow_params(parameters: Iterable[Parameter]) -> dict[str, Param]:
    """The params of a DAG whose runs take these parameters."""
    return {parameter.name: _param(parameter) for parameter in parameters}


def _param(parameter: Parameter) -> Param:
    schema = dict(SCHEMAS[parameter.kind])
    if parameter.default is None:
        schema["type"] = ["null", schema["type"]]
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    note = f" {DATE_NOTE}" if parameter.kind == "date" else ""
    return Param(
        default=parameter.default, title=parameter.title, description=f"{parameter.explanation}{note}", **schema
    )
