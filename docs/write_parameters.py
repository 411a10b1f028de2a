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
HTTP interface, or in the `conf` of a run that is triggered on the command line or over REST. A run with an unknown
parameter fails before it starts anything, and its error lists the parameters that exist. An empty date is `null` in
JSON.

"""

TAKERS: dict[Taker, str] = {
    "jobs": "all jobs",
    "jobs with a date override": ", ".join(job.name for job in JOBS if job.takes_date_override),
    "jobs that cover missed nights": ", ".join(job.name for job in JOBS if job.covers_missed_nights),
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
    """The default in words. Each job has limits of its own, and recovery uses those."""
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
