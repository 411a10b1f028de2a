"""A second index, posts by their national post number, as CONTRIBUTING.md, "Add an index" describes it."""

from __future__ import annotations

from datetime import time
from pathlib import Path

from sync_jobs import catalogue, index_definitions
from sync_jobs.catalogue import Job
from sync_jobs.search.definition import IndexDefinition

FOLDER = Path(__file__).parent


def posts_definition(alias: str = "posts") -> IndexDefinition:
    """The definition of the index."""
    return IndexDefinition(
        alias=alias,
        entity="post",
        key_field="postId",
        sql_folder=FOLDER / "posts",
        mapping_file=FOLDER / "posts.json",
    )


def job_that_builds(definition: IndexDefinition) -> Job:
    """The row of the catalogue."""
    return Job(
        name="PostIndexJob",
        at=time(3),
        kind="rebuild",
        writes="Elasticsearch index of posts",
        summary="Builds the index of posts.",
        entry_point="sync_jobs.jobs.index_build:rebuild_index",
        builds_index=definition,
    )


def add_second_index() -> None:
    """Add the index and its job to the tables of the project, in this process.

    Call it before anything else is imported that reads these tables.
    """
    posts = posts_definition()
    job = job_that_builds(posts)
    index_definitions.INDEX_DEFINITIONS = (*index_definitions.INDEX_DEFINITIONS, posts)
    catalogue.JOBS = (*catalogue.JOBS, job)
    catalogue._BY_NAME.update({job.name: job, job.dag_id: job})
