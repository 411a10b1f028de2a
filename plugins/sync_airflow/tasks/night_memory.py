"""The nights that a job has done, in an Airflow variable, which housekeeping does not delete.

`airflow db clean` deletes asset events, which hold more about each success. It also deletes the rows of all DAGs, and
then Airflow's scheduler deletes the state of the assets that no DAG refers to
(docs/decisions/0025-nights-in-a-variable.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import Variable

from sync_jobs.errors import BadArgument
from sync_jobs.run_dates import parse_date

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from sync_jobs.catalogue import Job

# Enough for a repeated run to find the night before the one that it repeats.
REMEMBERED_NIGHTS = 10

DESCRIPTION = "Written by the job: the latest nights that it has done. The next run covers every date since."


def variable_of(job: Job) -> str:
    """The name of the variable. Its value is dates, separated by blanks; an operator may write a single one."""
    return f"nights_done_{job.dag_id}"


def remembered_nights(job: Job) -> list[date]:
    """The latest nights that the job has done; empty if nothing is known. Raises BadArgument for another value."""
    value = Variable.get(variable_of(job), default=None) or ""
    try:
        return [parse_date(text) for text in value.split()]
    except BadArgument:
        raise BadArgument(
            f"Variable {variable_of(job)}: expected dates YYYY-MM-DD separated by blanks, got {value[:100]!r}. Write "
            f"the last night that {job.name} has done, or delete the variable. Nothing was started."
        ) from None


def remember_nights(job: Job, nights: Iterable[date]) -> None:
    """Store the latest of these nights."""
    latest = sorted(set(nights))[-REMEMBERED_NIGHTS:]
    Variable.set(variable_of(job), " ".join(str(night) for night in latest), description=DESCRIPTION)
