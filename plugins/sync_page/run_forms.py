"""The forms that start a run: their fields, and the conf of a run from what somebody has filled in.

The same form is a page of its own and the content of the dialog of the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sync_jobs.errors import BadArgument
from sync_jobs.parameter_names import CONFIRM_RUN_DATE, FOLLOW_ON
from sync_jobs.parameters import MAXIMUMS, PARAMETERS, Kind, Parameter, number_expected
from sync_jobs.run_dates import parse_date
from sync_page.arguments import conf_of

# The four choices of a date override. The choice "date" has a field of its own for its value.
AS_RUN_DATE, A_DATE = "", "date"
CHOICES = (
    (AS_RUN_DATE, "By the run date"),
    (A_DATE, "By another date"),
    ("ANY", "ANY: every person with a membership"),
    ("NONE", "NONE: by the date in Airflow's variable date_of_change_override"),
)
OTHER_DATE = "date_override_date"

EXPECTED_DATE = "Enter a date such as {today}."

# The label of the field that confirms a run date.
CONFIRMATION = next(parameter.title for parameter in PARAMETERS if parameter.name == CONFIRM_RUN_DATE)


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field with its value. error: what is wrong with it. other: the value of OTHER_DATE, with its error."""

    parameter: Parameter
    value: str
    error: str = ""
    other: str = ""
    other_error: str = ""

    @property
    def name(self) -> str:
        """The name of the parameter and of the input."""
        return self.parameter.name

    @property
    def is_checked(self) -> bool:
        """Whether the box of a boolean is ticked."""
        return self.value == "on"


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A form with its values. conf: of the run; empty if a value is wrong.

    warning: about a run date that is not today's. Nothing is started until it is confirmed.
    """

    fields: tuple[Field, ...]
    conf: Mapping[str, Any]
    warning: str = ""

    @property
    def is_ready(self) -> bool:
        """All values are valid, and confirmed if necessary."""
        return not self.warning and not any(field.error or field.other_error for field in self.fields)

    def value(self, name: str) -> str:
        """The value of a field; empty if the form has no field of that name."""
        return next((field.value for field in self.fields if field.name == name), "")


def blank(parameters: tuple[Parameter, ...], given: Mapping[str, str]) -> Filled:
    """The form before somebody has filled it in. given: values instead of the defaults."""
    return Filled(
        fields=tuple(_field(each, given.get(each.name, _default(each)), given) for each in parameters), conf={}
    )


def check(parameters: tuple[Parameter, ...], given: Mapping[str, str], today: date) -> Filled:
    """The form as it was sent. today: in UTC."""
    fields = tuple(_checked(_field(each, given.get(each.name, "").strip(), given), today) for each in parameters)
    if any(field.error or field.other_error for field in fields):
        return Filled(fields=fields, conf={})
    conf = {field.name: _value(field) for field in fields if _value(field) is not None}
    return Filled(fields=fields, conf=conf_of(conf, parameters), warning=_warning(conf, today))


def _default(parameter: Parameter) -> str:
    if parameter.kind == "boolean":
        return "on" if parameter.default else ""
    return "" if parameter.default is None else str(parameter.default)


def _field(parameter: Parameter, value: str, given: Mapping[str, str]) -> Field:
    if parameter.kind == "date override":
        return Field(parameter=parameter, value=value, other=given.get(OTHER_DATE, "").strip())
    return Field(parameter=parameter, value=value)


def _checked(field: Field, today: date) -> Field:
    parameter = field.parameter
    if parameter.kind == "date override":
        wrong = field.value == A_DATE and not _is_date(field.other)
        error = EXPECTED_DATE.format(today=today) if wrong else ""
        return Field(parameter=parameter, value=field.value, other=field.other, other_error=error)
    expected = ""
    if parameter.kind == "date" and field.value and not _is_date(field.value):
        expected = EXPECTED_DATE.format(today=today)
    elif parameter.kind in MAXIMUMS and field.value:
        expected = "" if _is_number(field.value, parameter.kind) else f"Enter {number_expected(parameter.kind)}."
    return Field(parameter=parameter, value=field.value, error=expected)


def _value(field: Field) -> bool | float | str | None:
    """The value for the conf; None if the field is empty."""
    kind = field.parameter.kind
    if kind == "boolean":
        return field.is_checked
    if kind == "date override":
        return field.other if field.value == A_DATE else field.value
    if not field.value:
        return None
    return float(field.value) if kind in MAXIMUMS else field.value


def _warning(conf: Mapping[str, Any], today: date) -> str:
    text = conf.get("run_date")
    if not text or conf.get(CONFIRM_RUN_DATE):
        return ""
    days = (parse_date(str(text)) - today).days
    if abs(days) <= 1:
        return ""
    when = f"{days:,} days from now" if days > 0 else f"{-days:,} days ago"
    return f"The run date {text} is {when}; today is {today} in UTC."


def hidden_until_needed(field: Field, filled: Filled) -> bool:
    """Whether the form leaves out this field: the confirmation of the run date, unless there is a warning."""
    return field.name == CONFIRM_RUN_DATE and not filled.warning and not field.is_checked


def is_follow_on(field: Field) -> bool:
    """Whether a dry run disables this field: it starts no other job."""
    return field.name == FOLLOW_ON


def _is_date(text: str) -> bool:
    try:
        parse_date(text)
    except BadArgument:
        return False
    return True


def _is_number(text: str, kind: Kind) -> bool:
    """Whether the text is a number that this kind allows."""
    try:
        number = float(text)
    except ValueError:
        return False
    maximum = MAXIMUMS[kind]
    return math.isfinite(number) and 0 <= number <= (math.inf if maximum is None else maximum)
