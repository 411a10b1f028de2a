"""What a job gets for one run."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date

from elasticsearch import Elasticsearch

from sync_jobs.guard_rail import Limits
from sync_jobs.postgres.statements import Connection
from sync_jobs.search.definition import IndexDefinition
from sync_jobs.search.settings import IndexSettings

# Observes the phases of an index build: gets the name of a phase, and returns what is entered and left with it.
PhaseHook = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class JobRun:
    """The checked parameters of one run.

    postgres: an autocommit connection of this run alone; it holds the job's lock.
    run_date: D of docs/domain.md. first_date: the first of the dates covered, run_date itself unless nights were
    missed. any_date: dateOverride ANY. limits: of the guard rail. run_id: for the index's _meta.
    settings: of the index build. index_definition: of the index that the job builds or refreshes; None without one.
    phase_hook: an index build runs each of its phases inside the context manager that it returns for their name.
    """

    postgres: Connection
    elasticsearch: Elasticsearch
    run_date: date
    first_date: date
    last_date: date
    any_date: bool
    limits: Limits
    dry_run: bool
    run_id: str
    settings: IndexSettings = field(default_factory=IndexSettings)
    index_definition: IndexDefinition | None = None
    phase_hook: PhaseHook = nullcontext

    @property
    def index(self) -> IndexDefinition:
        """The index that the job builds or refreshes. Raises LookupError for a job without one."""
        if self.index_definition is None:
            raise LookupError("This job has no index: name it in the catalogue")
        return self.index_definition
