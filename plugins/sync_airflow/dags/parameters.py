"""The parameters of manual runs, with the form that asks for them."""

from typing import Any

from airflow.sdk import Param

from sync_jobs.catalogue import Job, jobs_to_run_after

# A date_override as far as a form can check it; that it is a date of the calendar, the job checks.
DATE_OVERRIDE_PATTERN = r"^\s*([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])|[Aa][Nn][Yy]|[Nn][Oo][Nn][Ee])?\s*$"


def job_params(job: Job) -> dict[str, Any]:
    """What a run by hand may be asked for, with the form that asks."""
    return {
        "run_date": run_date_param(),
        **({"date_override": date_override_param()} if job.takes_date_override else {}),
        "run_follow_on_jobs": run_follow_on_jobs_param(job),
        "dry_run": Param(
            default=False,
            type="boolean",
            title="Dry run",
            description="Do everything but the write, and report what would change. No job is run after it.",
        ),
        "maximum_removed_percent": maximum_removed_percent_param(job.maximum_removed_percent),
    }


def run_follow_on_jobs_param(job: Job) -> Param:
    """The same key for all jobs, so that one way to start a run fits all; where nothing follows, it says so."""
    names = ", ".join(other.name for other in jobs_to_run_after(job))
    return Param(
        default=True,
        type="boolean",
        title="Run the jobs that follow" if names else "Run the jobs that follow (none does)",
        description=(
            f"After success, run one after the other, by the same date: {names}."
            if names
            else "No job follows this one: it makes no difference."
        ),
    )


def recovery_params() -> dict[str, Any]:
    return {"run_date": run_date_param(), "maximum_removed_percent": maximum_removed_percent_param(None)}


def run_date_param() -> Param:
    return Param(
        default=None,
        type=["null", "string"],
        # In allOf, where the form does not look for it: its date picker counts a date that is typed by half, or is not
        # in the calendar, as none, and so would start a run for today. A line of text is judged as it stands.
        allOf=[{"format": "date"}],
        title="Run date",
        description=(
            "The date that the run is for, as YYYY-MM-DD. Empty: today in UTC. The Logical Date above is only a label."
        ),
    )


def date_override_param() -> Param:
    return Param(
        default="",
        type=["null", "string"],
        pattern=DATE_OVERRIDE_PATTERN,
        title="Date override",
        description=(
            "Whose status is looked at. A date (YYYY-MM-DD): those whose membership starts on it or ended the day "
            "before. ANY: everybody with a membership. NONE: by the date in the variable date_of_change_override. "
            "Empty: by the run date. Blanks around it do not matter. Anything else, and a day that is not in the "
            'calendar, is refused: "The date is not correct".'
        ),
    )


def maximum_removed_percent_param(default: float | None) -> Param:
    """None, for recovery: the limit that each job has of its own."""
    return Param(
        default=default,
        type="number" if default is not None else ["null", "number"],
        minimum=0,
        maximum=100,
        title="Most that may be removed, in per cent",
        description=(
            "Guard rail of this one run: if more of the rows or documents would go, or become INACTIVE, it stops "
            "before it writes. "
            "100 lets everything pass." + (" Empty: each job's own limit." if default is None else "")
        ),
    )
