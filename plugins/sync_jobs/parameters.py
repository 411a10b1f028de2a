"""The table of run parameters: what a run of a job, of recovery or of a rollback can be given.

Forms, manuals, validation, the page and docs/reference/parameters.md are made from it. Guard-rail limits are parameters
too; sync_jobs.guard_rail defines them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Literal

from sync_jobs.catalogue import Job, jobs_to_run_after
from sync_jobs.errors import BadArgument
from sync_jobs.guard_rail import DEFAULT_LIMITS, Limits
from sync_jobs.parameter_names import (
    CONFIRM_RUN_DATE,
    DATE_OVERRIDE,
    DIRECTION,
    DOCUMENTS,
    DRY_RUN,
    FIRST_DATE,
    FOLLOW_ON,
    RUN_DATE,
)

# What form the values of a parameter have. date override: docs/domain.md, "8 PersonRecordStatusJob".
# percentage, growth: a number in per cent (MAXIMUMS).
Kind = Literal["date", "date override", "boolean", "percentage", "growth", "choice"]

# The kinds that are numbers of 0 or more -> the highest value; None for no maximum.
MAXIMUMS: dict[Kind, int | None] = {"percentage": 100, "growth": None}


def number_expected(kind: Kind) -> str:
    """Which numbers a kind allows: "a number from 0 to 100"."""
    maximum = MAXIMUMS[kind]
    return "a number of 0 or more" if maximum is None else f"a number from 0 to {maximum}"


# The values of each kind, in Markdown. Those of a choice are the choices.
VALUES: dict[Kind, str] = {
    "date": "`YYYY-MM-DD`",
    "date override": "`YYYY-MM-DD`, `ANY`, `NONE`, in upper or lower case",
    "boolean": "`true`, `false`",
    **{kind: number_expected(kind) for kind in MAXIMUMS},
}

# The DAGs that take a parameter.
Taker = Literal["jobs", "jobs with a date override", "jobs that cover missed nights", "recovery", "rollback"]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One run parameter.

    name: its key in the conf of a run. title: the label of its field. explanation: sentences for forms and manuals.
    default: the value that a run gets unless it is given one. choices: of the kind choice. has_effect: False if a DAG
    accepts the parameter only so that the same conf suits every job.
    """

    name: str
    kind: Kind
    title: str
    explanation: str
    taken_by: tuple[Taker, ...]
    default: bool | int | float | str | None = None
    choices: tuple[str, ...] = ()
    has_effect: bool = True

    @property
    def values(self) -> str:
        """The values that it can have, in Markdown."""
        return ", ".join(f"`{choice}`" for choice in self.choices) or VALUES[self.kind]


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        name=DATE_OVERRIDE,
        kind="date override",
        title="Date override",
        explanation=(
            "The persons whose status is checked. A date (YYYY-MM-DD): those with a membership that starts on it or "
            "ended the day before. ANY: everyone with a membership. NONE: as for the date in the variable "
            "date_of_change_override. Empty: as for the run date. Anything else is refused with "
            '"The date is not correct".'
        ),
        taken_by=("jobs with a date override",),
        default="",
    ),
    Parameter(
        name=RUN_DATE,
        kind="date",
        title="Run date",
        explanation="The date that the run is for. Empty: today in UTC.",
        taken_by=("jobs", "recovery"),
    ),
    Parameter(
        name=FIRST_DATE,
        kind="date",
        title="First date",
        explanation=(
            "For jobs that cover missed nights: the run covers every date from this one to the run date. Empty: from "
            "the first night since the last success. A night that is known to be missed is covered in any case."
        ),
        taken_by=("jobs that cover missed nights", "recovery"),
    ),
    Parameter(
        name=CONFIRM_RUN_DATE,
        kind="boolean",
        title="Confirm the dates",
        explanation=(
            "Accept a run date that is far from today, or a first date that is far before the run date: by default, "
            "more than 366 days."
        ),
        taken_by=("jobs", "recovery"),
        default=False,
    ),
    Parameter(
        name=DIRECTION,
        kind="choice",
        title="Direction",
        explanation="back: to the index built before the live one. forward: to the one built after it.",
        taken_by=("rollback",),
        default="back",
        choices=("back", "forward"),
    ),
    Parameter(
        name=DOCUMENTS,
        kind="choice",
        title="Documents of another definition",
        explanation=(
            "Only for an index that was built by another definition (SQL or mapping) than the running one. as_built: "
            "its documents stay as they are, without the edits since. edited: the persons edited since its build are "
            "written by the running definition. An index of the running definition is always brought up to date."
        ),
        taken_by=("rollback",),
        default="as_built",
        choices=("as_built", "edited"),
    ),
    Parameter(
        name=FOLLOW_ON,
        kind="boolean",
        title="Run follow-on jobs",
        explanation="After success, run the follow-on jobs one after the other, for the same run date.",
        taken_by=("jobs",),
        default=True,
    ),
    Parameter(
        name=DRY_RUN,
        kind="boolean",
        title="Dry run",
        explanation="Do everything except write: the report says what would change. A dry run starts no other job.",
        taken_by=("jobs", "rollback"),
        default=False,
    ),
    *(
        Parameter(
            name=limit.name,
            kind=next(kind for kind, maximum in MAXIMUMS.items() if maximum == limit.metadata["maximum"]),
            title=limit.metadata["title"],
            explanation=limit.metadata["explanation"],
            taken_by=("jobs", "recovery", "rollback"),
            default=getattr(DEFAULT_LIMITS, limit.name),
        )
        for limit in fields(Limits)
    ),
)

# Names of the parameters that are guard-rail limits.
LIMITS = tuple(limit.name for limit in fields(Limits))


def job_parameters(job: Job) -> tuple[Parameter, ...]:
    """The parameters of a job's runs, with the job's own limits as defaults."""
    takers: set[Taker] = {"jobs"}
    if job.takes_date_override:
        takers.add("jobs with a date override")
    if job.covers_missed_nights:
        takers.add("jobs that cover missed nights")
    taken = (parameter for parameter in PARAMETERS if takers.intersection(parameter.taken_by))
    return tuple(_of_job(parameter, job) for parameter in taken)


def recovery_parameters() -> tuple[Parameter, ...]:
    """The parameters of recovery: it hands on to every job what it is given; each job has its own limits otherwise."""
    taken = (parameter for parameter in PARAMETERS if "recovery" in parameter.taken_by)
    return tuple(
        replace(parameter, default=None, explanation=f"{parameter.explanation} Empty: each job's own limit.")
        if parameter.name in LIMITS
        else parameter
        for parameter in taken
    )


def rollback_parameters(limits: Limits) -> tuple[Parameter, ...]:
    """The parameters of the rollback of an index. limits: the defaults, those of the job that builds the index."""
    taken = (parameter for parameter in PARAMETERS if "rollback" in parameter.taken_by)
    return tuple(_with_default(parameter, limits) for parameter in taken)


def _of_job(parameter: Parameter, job: Job) -> Parameter:
    if parameter.name != FOLLOW_ON:
        return _with_default(parameter, job.limits)
    names = ", ".join(other.name for other in jobs_to_run_after(job))
    which = f"Here: {names}." if names else "This job has none, so it makes no difference."
    return replace(parameter, explanation=f"{parameter.explanation} {which}", has_effect=bool(names))


def _with_default(parameter: Parameter, limits: Limits) -> Parameter:
    return replace(parameter, default=getattr(limits, parameter.name)) if parameter.name in LIMITS else parameter


def refuse_unknown_parameters(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise BadArgument if a run is given a key that is not one of its parameters.

    Airflow ignores such a key: a run with {"dryrun": true} would not be a dry run.
    """
    names = list(known)
    unknown = [repr(name) for name in given if name not in names]
    if unknown:
        which = f"Unknown parameter{'s' if unknown[1:] else ''} {', '.join(unknown)}"
        raise BadArgument(f"{which}. Expected some of {', '.join(names)}. Nothing was started.")
