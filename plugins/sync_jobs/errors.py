"""What can go wrong in a job. The text of each error says what was expected and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class SyncJobError(Exception):
    """Base of all errors of the jobs: a mistake or a refusal. The same run would fail again.

    state: what was written and what readers see, the last sentence of the text. Whoever raises an error says what
    happened and what to do; only a caller knows how far the work has come (state_on_error).
    """

    state = ""

    def __str__(self) -> str:
        what = super().__str__()
        return f"{what.rstrip('.')}. {self.state}" if self.state else what


class BadArgument(SyncJobError):
    """An argument of a run does not have the expected form. Nothing was started."""


class GuardRail(SyncJobError):
    """The run would remove more than its limit allows."""


class IndexNotAsExpected(SyncJobError):
    """The built index, the alias or the source do not agree."""


class RejectedDocument(SyncJobError):
    """Elasticsearch refused a document because of its content. Names key, field and kind of reason only."""


class SearchBlocked(SyncJobError):
    """Elasticsearch takes no writes (disk full, read only) until somebody lifts the block."""


class AccessRefused(SyncJobError):
    """A server refused our login or a permission."""


class TransientError(SyncJobError):
    """Something that can pass: a lost connection, an overload, a conflict with another writer. Worth a retry."""


class AlreadyRunning(TransientError):
    """Another run of the same job, or another change of the same index, holds the lock."""


@dataclass
class State:
    """text: a sentence that says what was written and what readers see at this point."""

    text: str


@contextmanager
def state_on_error(text: str) -> Iterator[State]:
    """Add the state of the work to each error of ours that leaves the block, unless it has one.

    The block replaces the text whenever the work gets further.
    """
    state = State(text)
    try:
        yield state
    except SyncJobError as error:
        error.state = error.state or state.text
        raise
