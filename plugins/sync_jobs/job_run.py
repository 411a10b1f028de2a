"""What a job is given for one run."""

from dataclasses import dataclass, field
from datetime import date

from elasticsearch import Elasticsearch

from sync_jobs.postgres.statements import Connection
from sync_jobs.search.settings import IndexSettings


@dataclass(frozen=True)
class JobRun:
    """The arguments of one run, checked.

    postgres: an autocommit connection that belongs to this run alone; it holds the job's lock.
    run_date: D of domain.md. first_date: the first of the dates covered, run_date itself unless nights were missed.
    any_date: dateOverride ANY. maximum_removed_percent: the guard rail's limit. run_id: for the index's _meta.
    settings: of the index build.
    """

    postgres: Connection
    elasticsearch: Elasticsearch
    run_date: date
    first_date: date
    last_date: date
    any_date: bool
    maximum_removed_percent: float
    dry_run: bool
    run_id: str
    settings: IndexSettings = field(default_factory=IndexSettings)
