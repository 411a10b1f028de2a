"""Writes docs/reference/parameters.md from the table of parameters.

PYTHONPATH=plugins python docs/write_parameters.py
"""

from pathlib import Path

from sync_jobs.catalogue import JOBS
from sync_jobs.parameters import LIMITS, PARAMETERS, Parameter, Taker

PAGE = Path(__file__).with_name("reference") / "parameters.md"

INTRODUCTION = """\
# Run parameters

<!-- Written by `PYTHONPATH=plugins python docs/write_parameters.py` from plugins/sync_jobs/parameters.py -->

A manual run takes these parameters: in Airflow's trigger form, on the page at `/sync/`, as the JSON body of the page's
HTTP interface, or in the `conf` of a run that is triggered by command line or REST. A run that is given an unknown key
fails before it starts anything, and names the keys that it takes. An empty run
date is `null` in JSON.

"""

TAKERS: dict[Taker, str] = {
    "jobs": "all jobs",
    "jobs with a date override": ", ".join(job.name for job in JOBS if job.takes_date_override),
    "recovery": "recovery",
    "rollback": "rollback of an index",
}


def page() -> str:
    """The whole page, in Markdown."""
    rows = [
        (
            f"`{each.name}`",
            ", ".join(TAKERS[taker] for taker in each.taken_by),
            each.values,
            default(each),
            each.explanation,
        )
        for each in PARAMETERS
    ]
    cells = [("parameter", "taken by", "values", "default", "meaning"), ("---",) * 5, *rows]
    return INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in cells)


def default(parameter: Parameter) -> str:
    """The default in words; the limits of a job are its own, and recovery leaves them to each job."""
    if parameter.name in LIMITS:
        others = [(job.name, getattr(job.limits, parameter.name)) for job in JOBS]
        differing = [f"{limit:g} for {name}" for name, limit in others if limit != parameter.default]
        return f"the job's own: {', '.join([f'{parameter.default:g}', *differing])}"
    if parameter.default in (None, ""):
        return "empty"
    return f"`{str(parameter.default).lower()}`"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
