"""What all forms share: the name of what they are about, and their content."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import HTTPException, Request, status

from sync_jobs.catalogue import JOBS, Job

# The name of a form that is about recovery, which runs all jobs.
ALL = "all"

# No form has longer content.
LONGEST_FORM = 10_000


def job_named(name: str) -> Job:
    """The job of that name. Raises HTTPException, 404."""
    for job in JOBS:
        if name == job.name:
            return job
    raise HTTPException(status.HTTP_404_NOT_FOUND, "Job not found")


async def content_of(request: Request) -> dict[str, str]:
    """The fields of a form that was sent. Raises HTTPException, 413."""
    body = await request.body()
    if len(body) > LONGEST_FORM:
        raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, "The form is too long")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
